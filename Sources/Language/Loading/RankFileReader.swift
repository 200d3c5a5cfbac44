import Foundation

/// Reads a `*.tiktoken` rank file: a base64 token, a blank, and its rank on every line. The rank is also the id.
struct RankFileReader {
    /// The longest token known is a run of 128 blanks. Every cut of a token is looked up, which is quadratic in its length.
    private static let longestToken = 256
    private static let mostBytes = 16 << 20

    let url: URL
    let format: RankFileFormat

    /// Everything but the settings, whose added tokens must be among the format's: the reference accepts no others.
    func assembly(_ settings: TokenizerSettings?) throws(TokenizerError) -> TokenizerAssembly {
        let vocabulary = try vocabulary()
        var added = AddedTokenList()
        for token in format.specialTokens { try added.addFixed(token, file: url.path, vocabulary: vocabulary) }
        for (token, file) in settings?.addedTokens ?? [] where added[token.content]?.id != token.id {
            throw .malformed(
                file: file, entry: "added_tokens_decoder.\"\(token.id)\"",
                reason: "\(quoted(token.content)) with this id is not one of the special tokens of \(format.name)")
        }
        return TokenizerAssembly(
            files: [url], vocabulary: vocabulary, merges: try merges(vocabulary), ignoresMerges: true,
            preTokenizer: PreTokenizer(steps: [.split(.pattern(format.pattern), .isolated, inverted: false)]),
            composition: format.composition, addedTokens: added)
    }

    private func malformed(_ line: Int, _ reason: String) -> TokenizerError {
        .malformed(file: url.path, entry: "line \(line + 1)", reason: reason)
    }

    private func vocabulary() throws(TokenizerError) -> ModelVocabulary {
        let bytes = try TokenizerFile.read(url, mostBytes: Self.mostBytes)
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        var vocabulary = ModelVocabulary(file: url.path, capacity: lines.count)
        for (index, line) in lines.enumerated() {
            let line = line.last == 0x0D ? line.dropLast() : line
            if line.isEmpty { continue }
            let parts = line.split(separator: 0x20)
            guard parts.count == 2 else { throw malformed(index, "a token in base64, a blank and a rank are expected") }
            let text = String(decoding: parts[0], as: UTF8.self)
            guard let token = Data(base64Encoded: text), !token.isEmpty else {
                throw malformed(index, "\(quoted(text)) is not a token in base64")
            }
            guard token.count <= Self.longestToken else {
                throw malformed(index, "the token has \(token.count) bytes; at most \(Self.longestToken) are supported")
            }
            let rankText = String(decoding: parts[1], as: UTF8.self)
            guard let rank = Int(rankText), rank >= 0, rank < TokenBytes.mostTokens else {
                throw malformed(index, "the rank \(quoted(rankText)) is not a number from 0 to \(TokenBytes.mostTokens - 1)")
            }
            do {
                try vocabulary.add(text: text, bytes: [UInt8](token), id: rank)
            } catch .malformed(_, let entry, let reason) {
                throw malformed(index, "\(entry): \(reason)")
            }
        }
        return vocabulary
    }

    /// Every way to cut a token in two tokens is a merge of the token's rank (see `MergeTable`).
    private func merges(_ vocabulary: ModelVocabulary) throws(TokenizerError) -> MergeTable {
        var table = MergeTable(capacity: vocabulary.count * 2)
        var count = 0
        for token in vocabulary.tokens where token.bytes.count > 1 {
            for cut in 1..<token.bytes.count {
                guard let left = vocabulary.id(ofBytes: token.bytes[..<cut]), let right = vocabulary.id(ofBytes: token.bytes[cut...])
                else { continue }
                count += 1
                guard count < MergeTable.mostRules else {
                    throw .malformed(
                        file: url.path, entry: "token \(quoted(token.text))",
                        reason: "the tokens can be put together in more than \(MergeTable.mostRules) ways")
                }
                table.set(UInt32(left), UInt32(right), rank: UInt32(token.id), merged: UInt32(token.id))
            }
        }
        return table
    }
}
