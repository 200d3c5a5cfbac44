import Foundation
import StrictJSON

/// Puts the parts that a reader found together.
struct TokenizerAssembly {
    var files: [URL]
    var vocabulary: ModelVocabulary
    var merges: MergeTable
    var ignoresMerges: Bool
    var preTokenizer: PreTokenizer
    var composition: CanonicalComposition?
    var addedTokens: AddedTokenList

    /// The tokeniser, with the end and the beginning of a text that the settings name, else `<|endoftext|>` where it exists.
    func tokenizer(_ settings: TokenizerSettings?) throws(TokenizerError) -> ByteLevelTokenizer {
        let model = BytePairModel(
            byteIDs: try vocabulary.byteIDs(), merges: merges, pieces: vocabulary.pieces, ignoresMerges: ignoresMerges)
        let highest = addedTokens.tokens.reduce(vocabulary.highestID) { max($0, $1.id) }
        var tokenBytes = TokenBytes(count: highest + 1)
        for token in vocabulary.tokens { tokenBytes.set(token.id, bytes: token.bytes, special: false) }
        var idsByContent = vocabulary.verbatim
        for token in addedTokens.tokens {
            // As in the reference: a token that is looked for in normalised text is decoded in that form, and one whose characters all
            // belong to the byte alphabet is decoded as those bytes.
            let content = token.normalized ? normalized(token.content) : token.content
            let bytes = ByteAlphabet.bytes(of: content) ?? Array(content.utf8)
            tokenBytes.set(token.id, bytes: bytes, special: token.special)
            idsByContent[UTF8Key(token.content)] = token.id
        }
        func id(of name: String) throws(TokenizerError) -> Int? {
            if let (content, file) = settings?.content(of: name) {
                guard let id = addedTokens[content]?.id ?? vocabulary.id(ofText: content) else {
                    throw .malformed(file: file, entry: name, reason: "\(quoted(content)) is not a token of \(vocabulary.file)")
                }
                return id
            }
            return name == "eos_token" ? addedTokens["<|endoftext|>"]?.id ?? vocabulary.id(ofText: "<|endoftext|>") : nil
        }
        return ByteLevelTokenizer(
            sourceFiles: files + (settings?.files ?? []), model: model, preTokenizer: preTokenizer, composition: composition,
            tokenBytes: tokenBytes, addedTokens: addedTokens.tokens, idsByContent: idsByContent,
            endOfTextID: try id(of: "eos_token"), beginningOfTextID: try id(of: "bos_token"))
    }

    private func normalized(_ text: String) -> String {
        var text = text
        return text.withUTF8 { composition?.composed($0) }.map { String(decoding: $0, as: UTF8.self) } ?? text
    }
}
