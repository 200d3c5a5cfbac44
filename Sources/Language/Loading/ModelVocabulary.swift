import StrictJSON

/// The tokens of a byte-pair model as its file lists them, checked: ids in range and used once, every single byte present.
struct ModelVocabulary {
    /// The file they come from.
    let file: String
    /// How a token is written there and what it stands for.
    private(set) var tokens: [(text: String, bytes: [UInt8], id: Int)] = []
    /// Tokens of the byte alphabet, by bytes.
    private(set) var pieces: ByteStringTable
    /// Tokens with characters outside the byte alphabet, by text: no merge of bytes leads to them.
    private(set) var verbatim: [UTF8Key: Int] = [:]
    private var usedIDs: [Int: String] = [:]

    init(file: String, capacity: Int) {
        self.file = file
        pieces = ByteStringTable(capacity: capacity)
    }

    var count: Int { tokens.count }
    var highestID: Int { tokens.reduce(-1) { max($0, $1.id) } }

    /// Adds a token written in GPT-2's byte alphabet.
    mutating func add(text: String, id: Int) throws(TokenizerError) {
        if let bytes = ByteAlphabet.bytes(of: text) {
            try add(text: text, bytes: bytes, id: id)
        } else {
            try claim(id, text)
            verbatim[UTF8Key(text)] = id
            tokens.append((text, Array(text.utf8), id))
        }
    }

    /// Adds a token by its bytes; `text` names it in errors.
    mutating func add(text: String, bytes: [UInt8], id: Int) throws(TokenizerError) {
        try claim(id, text)
        guard bytes.withUnsafeBufferPointer({ pieces.insert($0, id: UInt32(id)) }) else {
            throw .malformed(file: file, entry: "token \(quoted(text))", reason: "it occurs twice")
        }
        tokens.append((text, bytes, id))
    }

    private mutating func claim(_ id: Int, _ text: String) throws(TokenizerError) {
        if let other = usedIDs.updateValue(text, forKey: id) {
            throw .malformed(
                file: file, entry: "token \(quoted(text))", reason: "its id \(id) is also that of \(quoted(other))")
        }
    }

    /// The id of a token as written in the file.
    func id(ofText text: String) -> Int? {
        guard let bytes = ByteAlphabet.bytes(of: text) else { return verbatim[UTF8Key(text)] }
        return id(ofBytes: bytes[...])
    }

    /// The id of a token by its bytes.
    func id(ofBytes bytes: ArraySlice<UInt8>) -> Int? {
        bytes.withUnsafeBufferPointer { key in pieces.entry(of: key).map { Int(pieces.id(ofEntry: $0)) } }
    }

    /// The token that an id belongs to, as written.
    func text(ofID id: Int) -> String? { usedIDs[id] }

    /// The token of every single byte. A vocabulary without one of them would lose text without a word.
    func byteIDs() throws(TokenizerError) -> [UInt32] {
        var ids: [UInt32] = []
        for byte in 0..<256 {
            guard let id = id(ofBytes: [UInt8(byte)]) else {
                throw .malformed(
                    file: file, entry: "vocabulary",
                    reason: "the byte 0x\(String(byte, radix: 16)) has no token, so not every text could be encoded")
            }
            ids.append(UInt32(id))
        }
        return ids
    }
}
