import CWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The connections of a listening socket, as far as a descriptor of our own for each of them tells.
///
/// libzmq shows its descriptors but keeps them: by the time we look, one may be closed, or be another connection's. A second
/// descriptor stays what it is: it tells who hung up, and lets us end a connection.
final class Connections {
    private var held: [Int32: Int32] = [:]

    /// Takes hold of a connection that began.
    ///
    /// - Returns: the peer's address and port, if it is still there.
    func begin(_ descriptor: Int32) -> String? {
        let own = medmoe_hold_connection(descriptor)
        guard own >= 0 else { return nil }
        if let stale = held.updateValue(own, forKey: descriptor) { _ = Glibc.close(stale) }
        var text = [CChar](repeating: 0, count: 64)
        medmoe_peer_address(own, &text)
        let address = String(decoding: text.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return address.isEmpty ? nil : address
    }

    /// Lets go of a connection that ended.
    ///
    /// - Returns: whether the peer is still there, so that it was libzmq that hung up.
    func end(_ descriptor: Int32) -> Bool {
        guard let own = held.removeValue(forKey: descriptor) else { return false }
        defer { _ = Glibc.close(own) }
        return medmoe_is_connected(own) == 1
    }

    /// Hangs up; the end is told by the monitor.
    func cut(_ descriptor: Int32) {
        if let own = held[descriptor] { _ = shutdown(own, Int32(SHUT_RDWR)) }
    }

    deinit { for own in held.values { _ = Glibc.close(own) } }
}
