import CWire
import CZeroMQ

/// Our own key on links: secret, public, and its name.
public struct KeyPair: Sendable {
    /// What others put into their list of authorised keys.
    public let identity: AuthorizedKey
    public let secret: SecretKey
    /// Where it was read from; nil for one that was just made.
    public let path: String?

    /// The first word of a key file.
    static let format = "medmoe-curve-secret"
    /// Bytes of a key file.
    static let fileLimit = 4096

    private init(identity: AuthorizedKey, secret: SecretKey, path: String?) {
        self.identity = identity
        self.secret = secret
        self.path = path
    }

    /// A new key.
    ///
    /// - Throws: `SecurityError.name`, `.withoutCurve`.
    public static func generate(name: String, role: KeyRole? = nil) throws(SecurityError) -> KeyPair {
        try KeyName.check(name)
        // libzmq's text form, Z85: 40 digits and a NUL.
        var publicText = [CChar](repeating: 0, count: 41)
        var secretText = [CChar](repeating: 0, count: 41)
        let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: PublicKey.byteCount, alignment: 8)
        raw.initializeMemory(as: UInt8.self, repeating: 0)
        defer {
            medmoe_wipe(raw.baseAddress, raw.count)
            raw.deallocate()
            secretText.withUnsafeMutableBytes { medmoe_wipe($0.baseAddress, $0.count) }
        }
        guard zmq_curve_keypair(&publicText, &secretText) == 0,
            zmq_z85_decode(raw.bindMemory(to: UInt8.self).baseAddress, secretText) != nil,
            let secret = SecretKey(copying: UnsafeRawBufferPointer(raw))
        else { throw .withoutCurve }
        let identity = try AuthorizedKey(publicKey: secret.publicKey(), name: name, role: role)
        return KeyPair(identity: identity, secret: secret, path: nil)
    }

    /// Writes `NAME.key` (0600) and `NAME.pub` into a folder; overwrites nothing.
    ///
    /// - Returns: their paths.
    /// - Throws: `SecurityError.exists`, `.system`.
    public func write(to folder: String) throws(SecurityError) -> (secret: String, public: String) {
        let base = folder.hasSuffix("/") ? folder + identity.name : "\(folder)/\(identity.name)"
        let (secretPath, publicPath) = (base + ".key", base + ".pub")
        var bytes = Array("\(Self.format) ".utf8)
        bytes.reserveCapacity(512)
        defer { bytes.withUnsafeMutableBytes { medmoe_wipe($0.baseAddress, $0.count) } }
        let digits = Array("0123456789abcdef".utf8)
        secret.withUnsafeBytes { raw in
            for byte in raw { bytes += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        }
        bytes += Array("\n\(identity.line)\n".utf8)
        try SmallFile.create(secretPath, mode: 0o600, bytes)
        do throws(SecurityError) {
            try SmallFile.create(publicPath, mode: 0o644, Array("\(identity.line)\n".utf8))
        } catch {
            // Half a pair is of no use, and would be in the way of the next try.
            unlinkQuietly(secretPath)
            throw error
        }
        return (secretPath, publicPath)
    }

    /// Reads a `.key` file: the secret in the first line, the line of its `.pub` file in the second.
    ///
    /// - Throws: `SecurityError.unsafe` when others may read it; `.malformed`; `.system`.
    public init(contentsOf path: String) throws(SecurityError) {
        let (pair, _) = try SmallFile.read(path, limit: Self.fileLimit, closed: .toReaders) { bytes throws(SecurityError) in
            let lines = bytes.split(separator: UInt8(ascii: "\n"))
            let prefix = Array("\(Self.format) ".utf8)
            guard lines.count == 2, lines[0].starts(with: prefix) else {
                throw .malformed(path: path, line: lines.isEmpty ? nil : 1, reason: "it is no key file of `medmoe keys new`")
            }
            guard let secret = SecretKey(hexadecimal: UnsafeRawBufferPointer(rebasing: lines[0].dropFirst(prefix.count))) else {
                throw .malformed(path: path, line: 1, reason: "the secret is not 64 hexadecimal digits")
            }
            let identity = try AuthorizedKey(line: String(decoding: lines[1], as: UTF8.self), path: path, number: 2)
            guard try secret.publicKey() == identity.publicKey else {
                throw .malformed(path: path, line: 2, reason: "the public key does not belong to the secret of line 1")
            }
            return KeyPair(identity: identity, secret: secret, path: path)
        }
        self = pair
    }
}
