import StrictJSON

/// What is already known about the contents of one file's tensors, kept beside it as `.NAME.medmoe-digests.json`.
///
/// It holds as long as size and modification time of the file are what they were. JSON:
/// `{"version":1,"size":BYTES,"modified":NANOSECONDS,"tensors":{NAME:HEX,…}}`.
struct DigestCache: Sendable {
    private let file: CheckpointFile
    /// SHA-256 of the bytes of each tensor, by the name that the file uses.
    private(set) var contents: [String: CheckpointDigest] = [:]

    /// Largest cache that is read, in bytes.
    static let byteLimit = 128 << 20

    /// Reads what lies beside `file`; nothing is known when it is missing, damaged or out of date.
    init(beside file: CheckpointFile) {
        self.file = file
        guard let bytes = try? CheckpointFile.contents(of: path, limit: Self.byteLimit) else { return }
        var contents: [String: CheckpointDigest] = [:]
        var facts: [String: Int] = [:]
        var scanner = JSONScanner(bytes)
        let complete: Void? = try? {
            try scanner.object { key, scanner in
                if key == "tensors" {
                    try scanner.object { name, scanner in contents[name] = try CheckpointDigest(hex: scanner.string()) }
                } else {
                    facts[key] = try scanner.natural()
                }
            }
            try scanner.end()
        }()
        guard complete != nil, facts == ["version": 1, "size": file.size, "modified": file.modified] else { return }
        self.contents = contents
    }

    private var path: String { joined(folder(of: file.path), ".\(file.path.split(separator: "/").last ?? "").medmoe-digests.json") }

    /// Remembers contents and writes the cache. A folder that cannot be written to costs the next run its time and nothing else.
    mutating func add(_ new: [String: CheckpointDigest]) {
        guard !new.isEmpty else { return }
        contents.merge(new) { $1 }
        let members = contents.sorted { inByteOrder($0.key, $1.key) }.map { "\(JSONValue.literal($0.key)):\"\($0.value)\"" }
        let text =
            "{\"version\":1,\"size\":\(file.size),\"modified\":\(file.modified),\"tensors\":{\(members.joined(separator: ","))}}\n"
        try? AtomicFile.write(Array(text.utf8), to: path)
    }
}
