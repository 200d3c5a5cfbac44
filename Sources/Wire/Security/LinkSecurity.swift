/// How the links of a process are protected: its own key, whom it trusts, and whether it may do without.
///
/// ipc is always plaintext: its socket lies in a folder that nobody else may enter. tcp with a key is always encrypted and
/// authenticated by CURVE; without a key it is plaintext, and allowed on this machine only, or where the user insists.
public struct LinkSecurity: Sendable {
    /// Our own key; nil: no encryption.
    public let key: KeyPair?
    /// The file of the keys that may be at the other end, as it was when the process started.
    public let authorized: AuthorizedKeysFile?
    /// Plaintext beyond this machine too.
    public let isInsecure: Bool

    /// No key: ipc, and tcp on loopback addresses.
    public static let plaintextOnThisMachine = LinkSecurity()

    private init() { (key, authorized, isInsecure) = (nil, nil, false) }

    /// Reads what the options name.
    ///
    /// - Parameters:
    ///   - keyFile: our own `.key` file.
    ///   - authorizedKeys: file with lines of `.pub` files.
    ///   - insecure: plaintext beyond this machine; not together with a key.
    ///   - role: what this process is; a key of another role is refused.
    /// - Throws: `SecurityError`.
    public init(keyFile: String?, authorizedKeys: String?, insecure: Bool, as role: KeyRole) throws(SecurityError) {
        guard !(insecure && keyFile != nil) else {
            throw .options("--insecure and --key contradict each other: a link with a key is always encrypted")
        }
        guard let keyFile else {
            guard authorizedKeys == nil else { throw .options("--authorized-keys needs --key FILE: without a key of our own nothing is encrypted") }
            (key, authorized, isInsecure) = (nil, nil, insecure)
            return
        }
        let key = try KeyPair(contentsOf: keyFile)
        if let other = key.identity.role, other != role { throw .role(path: keyFile, is: other, wanted: role) }
        guard let authorizedKeys else { throw .nobodyAuthorized(keyFile: keyFile) }
        self.key = key
        authorized = try AuthorizedKeysFile(path: authorizedKeys)
        isInsecure = false
    }

    /// What a socket does about encryption.
    public enum Protection: Sendable {
        case plaintext
        /// Listens: shows our key, lets in who is authorised.
        case server(KeyPair)
        /// Dials: the other side must have this key.
        case client(KeyPair, server: AuthorizedKey)
    }

    /// Whether listening there needs, and gets, encryption.
    ///
    /// - Throws: `SecurityError.plaintext`.
    public func protection(listeningAt endpoint: Endpoint) throws(SecurityError) -> Protection {
        guard endpoint.isTCP else { return .plaintext }
        if let key { return .server(key) }
        guard endpoint.isOnThisMachine || isInsecure else { throw .plaintext(endpoint: endpoint.description, listening: true) }
        return .plaintext
    }

    /// Whether dialling needs, and gets, encryption, and whose key must be at the other end.
    ///
    /// - Parameter keys: the authorised keys as they are now; nil takes those of the start.
    /// - Throws: `SecurityError.plaintext`, `.server`.
    public func protection(dialling endpoint: Endpoint, keys: AuthorizedKeys? = nil) throws(SecurityError) -> Protection {
        guard endpoint.isTCP else { return .plaintext }
        if let key, let authorized {
            let server = try (keys ?? authorized.keys).server(
                named: endpoint.server, at: endpoint.description, except: key.identity.publicKey, path: authorized.path)
            return .client(key, server: server)
        }
        guard endpoint.server == nil else {
            throw .options("\(endpoint) names a key, but this side has none: give --key FILE and --authorized-keys FILE")
        }
        guard endpoint.isOnThisMachine || isInsecure else { throw .plaintext(endpoint: endpoint.description, listening: false) }
        return .plaintext
    }

    /// What to say in the log about links that are not protected; nil when there is nothing to say.
    public func warning(about endpoints: [Endpoint]) -> String? {
        let bare = endpoints.filter { $0.isTCP && !$0.isOnThisMachine }
        guard key == nil, isInsecure, !bare.isEmpty else { return nil }
        return "links at \(bare.map(\.description).joined(separator: ", ")) are neither encrypted nor authenticated, because of --insecure: anybody in that network can read and change what is sent"
    }
}

/// A file of authorised keys, and what it said when it was read.
public struct AuthorizedKeysFile: Sendable, Hashable {
    public let path: String
    public let keys: AuthorizedKeys
    let stamp: SmallFile.Stamp

    /// - Throws: `SecurityError`, which names the file and the line.
    public init(path: String) throws(SecurityError) {
        self.path = path
        (keys, stamp) = try SmallFile.read(path, limit: AuthorizedKeys.fileLimit, closed: .toWriters) { bytes throws(SecurityError) in
            try AuthorizedKeys(parsing: Array(bytes), path: path)
        }
    }
}
