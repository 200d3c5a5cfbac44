/// What a key is for. The raw values stand in key files.
public enum KeyRole: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// Listens, and may be dialled.
    case coordinator
    /// May use the port for workers.
    case worker
    /// May use the port for clients.
    case client

    public var description: String { rawValue }
}

/// What a key may be called.
public enum KeyName {
    /// Bytes of a name.
    public static let limit = 64

    /// - Throws: `SecurityError.name`.
    public static func check(_ name: String) throws(SecurityError) {
        let isPlain = name.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-")].contains(byte)
        }
        guard isPlain, let first = name.utf8.first, first != UInt8(ascii: "."), first != UInt8(ascii: "-"), first != UInt8(ascii: "_"),
            name.utf8.count <= limit
        else { throw .name(name) }
    }
}

/// A public key, whose it is, and what it may do: one line of a `.pub` file or of a file of authorised keys.
///
///     medmoe-curve 64-HEXADECIMAL-DIGITS NAME [coordinator|worker|client]
public struct AuthorizedKey: Sendable, Hashable, CustomStringConvertible {
    public let publicKey: PublicKey
    public let name: String
    /// The only thing that it may do; nil: everything.
    public let role: KeyRole?

    /// The first word of the line.
    public static let format = "medmoe-curve"

    /// - Throws: `SecurityError.name`.
    public init(publicKey: PublicKey, name: String, role: KeyRole?) throws(SecurityError) {
        try KeyName.check(name)
        self.publicKey = publicKey
        self.name = name
        self.role = role
    }

    /// Reads a line.
    ///
    /// - Parameters:
    ///   - path: for the error.
    ///   - number: the same, from 1.
    /// - Throws: `SecurityError.malformed`.
    init(line: String, path: String, number: Int) throws(SecurityError) {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard words.first.map(String.init) == Self.format else {
            throw .malformed(path: path, line: number, reason: "it does not begin with '\(Self.format)': expected '\(Self.format) KEY NAME [ROLE]' as in a .pub file")
        }
        guard words.count == 3 || words.count == 4 else {
            throw .malformed(path: path, line: number, reason: "it has \(words.count) words; expected '\(Self.format) KEY NAME [ROLE]'")
        }
        guard let key = PublicKey(hexadecimal: Array(words[1].utf8)) else {
            throw .malformed(path: path, line: number, reason: "the key is not 64 hexadecimal digits")
        }
        var role: KeyRole?
        if words.count == 4 {
            role = KeyRole(rawValue: String(words[3]))
            guard role != nil else {
                throw .malformed(path: path, line: number, reason: "'\(words[3].prefix(40))' is no role; known are \(KeyRole.allCases.map(\.rawValue).joined(separator: ", "))")
            }
        }
        do {
            try self.init(publicKey: key, name: String(words[2]), role: role)
        } catch {
            throw .malformed(path: path, line: number, reason: "\(error)")
        }
    }

    /// Whether the key may be used for something.
    public func permits(_ wanted: KeyRole) -> Bool { role == nil || role == wanted }

    /// As it stands in files, without a newline.
    public var line: String { "\(Self.format) \(publicKey.hexadecimalDigits) \(name)" + (role.map { " \($0.rawValue)" } ?? "") }

    public var description: String { "'\(name)' (\(publicKey))" }
}
