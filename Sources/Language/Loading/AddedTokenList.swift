import StrictJSON

/// Added tokens as they are collected, with the ids that Hugging Face `tokenizers` would give them.
///
/// That library does not believe the ids in a file: a token that the model has keeps the model's id, every other gets the next free one.
/// A file whose ids differ from that would mean other tokens here than there, so it is refused.
struct AddedTokenList {
    /// All contents together; more makes the trie that finds them unreasonably large.
    private static let mostBytes = 4 << 20

    private(set) var tokens: [AddedToken] = []
    private var highestID: Int?
    private var bytes = 0
    private var numbers: [UTF8Key: Int] = [:]

    /// The token of this content, if it was added.
    subscript(content: String) -> AddedToken? { numbers[UTF8Key(content)].map { tokens[$0] } }

    /// Adds a token that comes with its id.
    mutating func add(_ token: AddedToken, file: String, entry: String, vocabulary: ModelVocabulary) throws(TokenizerError) {
        func malformed(_ reason: String) -> TokenizerError { .malformed(file: file, entry: entry, reason: reason) }
        guard !token.content.isEmpty else { throw malformed("its content is empty") }
        guard numbers[UTF8Key(token.content)] == nil else { throw malformed("\(quoted(token.content)) is added twice") }
        bytes += token.content.utf8.count
        guard bytes <= Self.mostBytes else { throw malformed("the added tokens have more than \(Self.mostBytes) bytes") }
        if let id = vocabulary.id(ofText: token.content) {
            guard id == token.id else { throw malformed("its id \(token.id) differs from the vocabulary's, \(id)") }
        } else {
            if let other = vocabulary.text(ofID: token.id) {
                throw malformed("its id \(token.id) is that of \(quoted(other)) in the vocabulary")
            }
            var expected = vocabulary.count
            if let highestID, highestID >= expected { expected = highestID + 1 }
            guard expected == token.id else {
                throw malformed("its id is \(token.id), but the next free one, which the reference would give it, is \(expected)")
            }
        }
        append(token)
    }

    /// Adds a token of a fixed table, whose ids may leave gaps.
    mutating func addFixed(_ token: AddedToken, file: String, vocabulary: ModelVocabulary) throws(TokenizerError) {
        if let other = vocabulary.text(ofID: token.id) {
            throw .malformed(
                file: file, entry: "token \(quoted(other))",
                reason: "its rank \(token.id) is the id of the special token \(quoted(token.content))")
        }
        append(token)
    }

    private mutating func append(_ token: AddedToken) {
        numbers[UTF8Key(token.content)] = tokens.count
        tokens.append(token)
        highestID = max(highestID ?? token.id, token.id)
    }
}
