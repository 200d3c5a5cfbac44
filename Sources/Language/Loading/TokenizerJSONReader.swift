import Foundation

/// Reads Hugging Face's `tokenizer.json`.
struct TokenizerJSONReader {
    let document: JSONDocument
    let url: URL

    init(_ url: URL) throws(TokenizerError) {
        self.url = url
        document = try JSONDocument(url)
    }

    /// Everything but the settings. `truncation` and `padding` are about batches and are not read.
    func assembly(_ settings: TokenizerSettings?) throws(TokenizerError) -> TokenizerAssembly {
        let root = document.root
        _ = try document.members(root, "the file")
        if let version = root["version"], try document.string(version, "version") != "1.0" {
            throw document.unsupported("version", version, "\"1.0\"")
        }
        let pipeline = TokenizerJSONPipeline(document: document)
        let composition = try pipeline.composition(root["normalizer"])
        let preTokenizer = try pipeline.preTokenizer(root["pre_tokenizer"])
        try pipeline.checkPostProcessor(root["post_processor"], "post_processor")
        try pipeline.checkDecoder(root["decoder"], "decoder")
        let vocabulary = try vocabulary(root["model"])
        return TokenizerAssembly(
            files: [url], vocabulary: vocabulary, merges: try merges(root["model"]?["merges"], vocabulary),
            ignoresMerges: try document.flag(root["model"]?["ignore_merges"], "model.ignore_merges", default: false),
            preTokenizer: preTokenizer, composition: composition,
            addedTokens: try addedTokens(root["added_tokens"], vocabulary, settings))
    }

    private func vocabulary(_ model: JSONValue?) throws(TokenizerError) -> ModelVocabulary {
        let type = try document.string(model?["type"], "model.type")
        guard type == "BPE" else { throw document.unsupported("model.type", .string(type), "\"BPE\"") }
        for name in ["unk_token", "continuing_subword_prefix", "end_of_word_suffix"] {
            switch model?[name] {
            case nil, .null: break
            case .string(let text) where text.isEmpty: break
            case .some(let value): throw document.unsupported("model.\(name)", value, "null")
            }
        }
        switch model?["dropout"] {
        case nil, .null, .integer(0): break
        case .real(let value) where value == 0: break
        case .some(let value): throw document.unsupported("model.dropout", value, "null, because encoding must not be random")
        }
        if try document.flag(model?["byte_fallback"], "model.byte_fallback", default: false) {
            throw document.unsupported("model.byte_fallback", .bool(true), "false, because every byte has a token")
        }
        return try document.modelVocabulary(model?["vocab"], "model.vocab")
    }

    private func merges(_ value: JSONValue?, _ vocabulary: ModelVocabulary) throws(TokenizerError) -> MergeTable {
        let elements = try document.elements(value, "model.merges")
        var list = MergeList(file: document.file, capacity: elements.count)
        for (index, element) in elements.enumerated() {
            let entry = "model.merges[\(index)]"
            switch element {
            case .string(let text):
                let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
                guard parts.count == 2 else { throw document.malformed(entry, "two tokens with one blank between are expected") }
                try list.add(
                    String(decoding: parts[0], as: UTF8.self), String(decoding: parts[1], as: UTF8.self), entry: entry,
                    vocabulary: vocabulary)
            case .array(let parts):
                guard parts.count == 2, case .string(let left) = parts[0], case .string(let right) = parts[1] else {
                    throw document.malformed(entry, "an array of two strings is expected")
                }
                try list.add(left, right, entry: entry, vocabulary: vocabulary)
            default: throw document.malformed(entry, "a string or an array of two strings is expected, found \(element.kind)")
            }
        }
        return list.table
    }

    private func addedTokens(
        _ value: JSONValue?, _ vocabulary: ModelVocabulary, _ settings: TokenizerSettings?
    ) throws(TokenizerError) -> AddedTokenList {
        var list = AddedTokenList()
        if !JSONValue.isNull(value) {
            for (index, element) in try document.elements(value, "added_tokens").enumerated() {
                let entry = "added_tokens[\(index)]"
                let id = try document.tokenID(element["id"], "\(entry).id")
                let token = try document.addedToken(element, id: id, entry)
                try list.add(token, file: document.file, entry: entry, vocabulary: vocabulary)
            }
        }
        // transformers writes its view of the added tokens into tokenizer_config.json too, and adds those that are only there.
        for (token, file) in settings?.addedTokens ?? [] {
            let entry = "added_tokens_decoder.\"\(token.id)\""
            if let known = list[token.content] {
                guard known.id == token.id else {
                    throw .malformed(
                        file: file, entry: entry,
                        reason: "\(quoted(token.content)) has the id \(known.id) in \(document.file)")
                }
            } else {
                try list.add(token, file: file, entry: entry, vocabulary: vocabulary)
            }
        }
        return list
    }
}

extension JSONDocument {
    /// A vocabulary: token texts in the byte alphabet, each with its id.
    func modelVocabulary(_ value: JSONValue?, _ entry: String) throws(TokenizerError) -> ModelVocabulary {
        let members = try members(value, entry)
        var vocabulary = ModelVocabulary(file: file, capacity: members.count)
        for (text, id) in members {
            try vocabulary.add(text: text, id: try tokenID(id, "\(entry).\(quoted(text))"))
        }
        return vocabulary
    }
}
