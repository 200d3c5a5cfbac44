/// Whose keys are trusted, and for what.
public struct AuthorizedKeys: Sendable, Hashable {
    /// In the order of the file.
    public let keys: [AuthorizedKey]
    /// By hexadecimal digits, as libzmq gives the key of a message's sender.
    private let byDigits: [String: AuthorizedKey]

    /// Bytes of a file: some ten thousand keys.
    public static let fileLimit = 1 << 20

    /// Reads lines; `#` begins a comment.
    ///
    /// - Parameter path: for errors.
    /// - Throws: `SecurityError.malformed` or `.twice`, with the line.
    public init(parsing bytes: [UInt8], path: String) throws(SecurityError) {
        guard bytes.count <= Self.fileLimit else {
            throw .malformed(path: path, line: nil, reason: "it has \(bytes.count) bytes, the limit is \(Self.fileLimit)")
        }
        var keys: [AuthorizedKey] = []
        var lineOfKey: [PublicKey: Int] = [:]
        var lineOfName: [String: Int] = [:]
        for (index, raw) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            guard raw.allSatisfy({ $0 == 9 || $0 == 13 || (32..<127).contains($0) }) || raw.contains(UInt8(ascii: "#")) else {
                throw .malformed(path: path, line: number, reason: "it contains bytes that are no plain text")
            }
            let meant = raw.prefix { $0 != UInt8(ascii: "#") && $0 != 13 }
            guard meant.contains(where: { $0 != 32 && $0 != 9 }) else { continue }
            let key = try AuthorizedKey(line: String(decoding: meant, as: UTF8.self), path: path, number: number)
            if let first = lineOfKey.updateValue(number, forKey: key.publicKey) {
                throw .twice(path: path, line: number, what: "key \(key.publicKey)", firstLine: first)
            }
            if let first = lineOfName.updateValue(number, forKey: key.name) {
                throw .twice(path: path, line: number, what: "the name '\(key.name)'", firstLine: first)
            }
            keys.append(key)
        }
        self.keys = keys
        byDigits = Dictionary(uniqueKeysWithValues: keys.map { ($0.publicKey.hexadecimalDigits, $0) })
    }

    /// The entry of a key, whatever it may do.
    public subscript(key: PublicKey) -> AuthorizedKey? { byDigits[key.hexadecimalDigits] }

    /// The entry of a key if it may do this.
    ///
    /// - Parameter digits: the public key, in lower-case hexadecimal digits.
    public func key(digits: String, for role: KeyRole) -> AuthorizedKey? { byDigits[digits].flatMap { $0.permits(role) ? $0 : nil } }

    /// The key that a listener must have.
    ///
    /// - Parameters:
    ///   - name: whose; nil takes the only one that may be dialled.
    ///   - own: our own key, which is not at the other end unless it is named.
    ///   - path: for the error.
    /// - Throws: `SecurityError.server`, with the names to choose from.
    public func server(named name: String?, at endpoint: String, except own: PublicKey, path: String) throws(SecurityError) -> AuthorizedKey {
        let known = keys.filter { $0.permits(.coordinator) }
        let fitting = known.filter { key in
            if let name { return key.name == name }
            return key.role == KeyRole.coordinator || key.publicKey != own
        }
        // A key that is said to be a coordinator's goes before those that may do anything.
        let said = fitting.filter { $0.role == .coordinator }
        let chosen = said.isEmpty ? fitting : said
        guard chosen.count == 1, let only = chosen.first else {
            throw .server(endpoint: endpoint, path: path, wanted: name, known: (name == nil ? fitting : known).map(\.name))
        }
        return only
    }
}
