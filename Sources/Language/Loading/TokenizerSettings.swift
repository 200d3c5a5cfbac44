import Foundation

/// What `tokenizer_config.json` and `special_tokens_map.json` say beside the vocabulary.
struct TokenizerSettings {
    /// The names under which single special tokens are listed.
    private static let specialNames = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"]

    /// The files that were there.
    private(set) var files: [URL] = []
    /// `tokenizer_class`, if given.
    private(set) var tokenizerClass: String?
    /// `add_prefix_space`, if given.
    private(set) var addsPrefixSpace: Bool?
    /// `add_bos_token`, if given.
    private(set) var addsBeginningOfText = false
    /// Special tokens by name, such as `eos_token`, in a fixed order; and the file that says so.
    private(set) var specialTokens: [(name: String, content: String, file: String)] = []
    /// `added_tokens_decoder`, by rising id; and the file that has it.
    private(set) var addedTokens: [(token: AddedToken, file: String)] = []

    /// Reads whichever of the two files the folder has.
    init(directory: URL) throws(TokenizerError) {
        let configuration = directory.appendingPathComponent("tokenizer_config.json")
        if TokenizerFile.exists(configuration) {
            files.append(configuration)
            let document = try JSONDocument(configuration)
            _ = try document.members(document.root, "the file")
            if !JSONValue.isNull(document.root["tokenizer_class"]) {
                tokenizerClass = try document.string(document.root["tokenizer_class"], "tokenizer_class")
            }
            if !JSONValue.isNull(document.root["add_prefix_space"]) {
                addsPrefixSpace = try document.flag(document.root["add_prefix_space"], "add_prefix_space", default: false)
            }
            addsBeginningOfText = try document.flag(document.root["add_bos_token"], "add_bos_token", default: false)
            try readSpecialTokens(document)
            try readAddedTokens(document)
        }
        let map = directory.appendingPathComponent("special_tokens_map.json")
        if TokenizerFile.exists(map) {
            files.append(map)
            let document = try JSONDocument(map)
            _ = try document.members(document.root, "the file")
            try readSpecialTokens(document)
        }
    }

    /// The content of a special token, or nil if no file names it.
    func content(of name: String) -> (content: String, file: String)? {
        specialTokens.first { $0.name == name }.map { ($0.content, $0.file) }
    }

    /// The first file that names a token counts.
    private mutating func readSpecialTokens(_ document: JSONDocument) throws(TokenizerError) {
        for name in Self.specialNames where content(of: name) == nil {
            guard let value = document.root[name], !JSONValue.isNull(value) else { continue }
            specialTokens.append((name, try Self.content(value, document, name), document.file))
        }
        let name = "additional_special_tokens"
        guard let list = document.root[name], !JSONValue.isNull(list), content(of: name) == nil else { return }
        for (index, value) in try document.elements(list, name).enumerated() {
            specialTokens.append((name, try Self.content(value, document, "\(name)[\(index)]"), document.file))
        }
    }

    /// A special token is a string, or an object with its flags.
    private static func content(_ value: JSONValue, _ document: JSONDocument, _ entry: String) throws(TokenizerError) -> String {
        if case .object = value { return try document.string(value["content"], "\(entry).content") }
        return try document.string(value, entry)
    }

    private mutating func readAddedTokens(_ document: JSONDocument) throws(TokenizerError) {
        let name = "added_tokens_decoder"
        guard let list = document.root[name], !JSONValue.isNull(list) else { return }
        for (key, value) in try document.members(list, name) {
            let entry = "\(name).\(quoted(key))"
            guard let id = Int(key), id >= 0, id < TokenBytes.mostTokens else {
                throw document.malformed(entry, "the name must be a token id from 0 to \(TokenBytes.mostTokens - 1)")
            }
            addedTokens.append((try document.addedToken(value, id: id, entry), document.file))
        }
        addedTokens.sort { $0.token.id < $1.token.id }
    }
}

extension JSONDocument {
    /// An added token with its flags, as `tokenizer.json` and `tokenizer_config.json` write it.
    func addedToken(_ value: JSONValue, id: Int, _ entry: String) throws(TokenizerError) -> AddedToken {
        _ = try members(value, entry)
        let special = try flag(value["special"], "\(entry).special", default: false)
        return AddedToken(
            id: id,
            content: try string(value["content"], "\(entry).content"),
            singleWord: try flag(value["single_word"], "\(entry).single_word", default: false),
            stripsLeft: try flag(value["lstrip"], "\(entry).lstrip", default: false),
            stripsRight: try flag(value["rstrip"], "\(entry).rstrip", default: false),
            normalized: try flag(value["normalized"], "\(entry).normalized", default: !special),
            special: special)
    }
}
