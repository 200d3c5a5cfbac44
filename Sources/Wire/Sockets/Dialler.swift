/// Dials, with the keys as their file says at that moment. Lives on the I/O thread.
public final class Dialler {
    private let context: ZMQContext
    private let security: LinkSecurity
    private let ring: KeyRing?

    init(_ context: ZMQContext, _ security: LinkSecurity) {
        self.context = context
        self.security = security
        ring = security.authorized.map { KeyRing($0) }
    }

    /// Our own key; nil on plaintext links.
    public var own: AuthorizedKey? { security.key?.identity }

    /// Connects, now or as soon as somebody listens.
    ///
    /// - Parameters:
    ///   - identity: shown to the listener.
    ///   - maximumFrame: bytes of one frame; who sends more is disconnected.
    ///   - notice: hears when the file of authorised keys was read again.
    /// - Throws: `SecurityError` when there must be no plaintext, or it is not clear whose key the other side has; `SocketError`.
    public func dial(
        _ endpoint: Endpoint, as identity: PeerIdentity, maximumFrame: Int, _ notice: (KeyNotice) -> Void = { _ in }
    ) throws -> DialledLink {
        if let ring, let news = KeyNotice(ring.refresh(), of: ring) { notice(news) }
        let protection = try security.protection(dialling: endpoint, keys: ring?.keys)
        return try DialledLink(context, identity, to: endpoint, maximumFrame: maximumFrame, protection)
    }
}
