import Wire

/// Decides which unreadable messages are worth a line in the log: the 1st, 2nd, 4th, 8th, …
///
/// Somebody who sends garbage without end must not fill the disk.
struct GarbageLog {
    private var count = 0

    mutating func entry(for error: WireError, from peer: PeerIdentity, on port: String) -> String? {
        count += 1
        guard count & (count - 1) == 0 else { return nil }
        return "unreadable message on \(port) from \(peer) (\(count) so far): \(error)"
    }
}
