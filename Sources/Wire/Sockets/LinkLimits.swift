/// What a link may have at most.
public enum LinkLimits {
    /// Time for a peer to prove who it is, from the moment it connects.
    public static let handshake: Duration = .seconds(5)
    /// Connections at a port, by default.
    public static let connections = 1024
    /// Connections that the system takes for us before we look.
    static let backlog: Int32 = 128
    /// Bytes that encryption adds to a frame: command name, nonce, authenticator and flags are 33; the rest is room.
    static let wrapping = 64
}
