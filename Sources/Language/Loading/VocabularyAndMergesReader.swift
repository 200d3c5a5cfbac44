import Foundation
import StrictJSON

/// Reads `vocab.json`, `merges.txt` and `added_tokens.json`, the layout of GPT-2, CodeGen and Phi-2.
struct VocabularyAndMergesReader {
    let directory: URL
    private let supportedClasses = [
        "CodeGenTokenizer", "CodeGenTokenizerFast", "GPT2Tokenizer", "GPT2TokenizerFast", "PreTrainedTokenizerFast",
        "TokenizersBackend",
    ]

    func assembly(_ settings: TokenizerSettings) throws(TokenizerError) -> TokenizerAssembly {
        let configuration = directory.appendingPathComponent("tokenizer_config.json").path
        // Other classes that use the same file names (RoBERTa, CLIP, …) put tokens around the text or change it.
        if let name = settings.tokenizerClass, !supportedClasses.contains(name) {
            throw .unsupported(
                file: configuration, entry: "tokenizer_class", value: quoted(name),
                supported: supportedClasses.joined(separator: ", "))
        }
        if settings.addsBeginningOfText {
            throw .unsupported(file: configuration, entry: "add_bos_token", value: "true", supported: "false")
        }
        let vocabularyFile = directory.appendingPathComponent("vocab.json")
        let document = try JSONDocument(vocabularyFile)
        let vocabulary = try document.modelVocabulary(document.root, "the file")
        let mergesFile = directory.appendingPathComponent("merges.txt")
        let merges = try merges(mergesFile, vocabulary)
        let addedFile = directory.appendingPathComponent("added_tokens.json")
        let hasAdded = TokenizerFile.exists(addedFile)
        let split = PreTokenizer.Step.split(.pattern(.gpt2), .isolated, inverted: false)
        return TokenizerAssembly(
            files: [vocabularyFile, mergesFile] + (hasAdded ? [addedFile] : []), vocabulary: vocabulary, merges: merges,
            ignoresMerges: false, preTokenizer: PreTokenizer(steps: (settings.addsPrefixSpace ?? false ? [.prefixSpace] : []) + [split]),
            composition: nil, addedTokens: try addedTokens(hasAdded ? addedFile : nil, vocabulary, settings))
    }

    private func merges(_ url: URL, _ vocabulary: ModelVocabulary) throws(TokenizerError) -> MergeTable {
        let bytes = try TokenizerFile.read(url)
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        var list = MergeList(file: url.path, capacity: lines.count)
        for (index, line) in lines.enumerated() {
            let line = line.last == 0x0D ? line.dropLast() : line
            if line.starts(with: "#version".utf8) || (line.isEmpty && index == lines.count - 1) { continue }
            let entry = "line \(index + 1)"
            let parts = line.split(separator: 0x20, omittingEmptySubsequences: false)
            guard parts.count == 2, let left = String(validating: parts[0], as: UTF8.self),
                let right = String(validating: parts[1], as: UTF8.self)
            else { throw .malformed(file: url.path, entry: entry, reason: "two tokens with one blank between are expected") }
            try list.add(left, right, entry: entry, vocabulary: vocabulary)
        }
        return list.table
    }

    /// `tokenizer_config.json` knows the flags; `added_tokens.json` only contents and ids. Special tokens are added tokens too.
    private func addedTokens(
        _ url: URL?, _ vocabulary: ModelVocabulary, _ settings: TokenizerSettings
    ) throws(TokenizerError) -> AddedTokenList {
        var candidates = settings.addedTokens.map { ($0.token, $0.file, "added_tokens_decoder.\"\($0.token.id)\"") }
        var known: [UTF8Key: Int] = [:]
        for (token, _, _) in candidates { known[UTF8Key(token.content)] = token.id }
        let special = Set(settings.specialTokens.map { UTF8Key($0.content) } + [UTF8Key("<|endoftext|>")])
        if let url {
            let document = try JSONDocument(url)
            for (content, value) in try document.members(document.root, "the file") {
                let id = try document.tokenID(value, quoted(content))
                if let other = known[UTF8Key(content)] {
                    guard other == id else {
                        throw document.malformed(quoted(content), "its id is \(id), but \(other) in tokenizer_config.json")
                    }
                    continue
                }
                known[UTF8Key(content)] = id
                let isSpecial = special.contains(UTF8Key(content))
                let token = AddedToken(id: id, content: content, normalized: !isSpecial, special: isSpecial)
                candidates.append((token, document.file, quoted(content)))
            }
        }
        let named = settings.specialTokens.map { ($0.content, $0.file, $0.name) }
        for (content, file, name) in named + [("<|endoftext|>", vocabulary.file, "<|endoftext|>")] where known[UTF8Key(content)] == nil {
            guard let id = vocabulary.id(ofText: content) else {
                // Only what a file names must exist.
                if name == content { continue }
                throw .malformed(file: file, entry: name, reason: "\(quoted(content)) is neither in the vocabulary nor an added token")
            }
            known[UTF8Key(content)] = id
            candidates.append((AddedToken(id: id, content: content), file, name))
        }
        var list = AddedTokenList()
        for (token, file, entry) in candidates.sorted(by: { $0.0.id < $1.0.id }) {
            try list.add(token, file: file, entry: entry, vocabulary: vocabulary)
        }
        return list
    }
}
