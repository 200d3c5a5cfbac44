/// Decides which keys may in, for all ports of an I/O thread.
///
/// libzmq asks over a socket of its own, which belongs into the thread's poll.
public final class Authenticator {
    /// To be polled; `answer` when it has something to read.
    public let socket: ZMQSocket
    private let ring: KeyRing

    init(_ context: ZMQContext, _ file: AuthorizedKeysFile) throws(SocketError) {
        socket = try ZMQSocket(context, .authenticator, maximumFrame: 0, queues: (out: 0, in: 0))
        ring = KeyRing(file)
        // The address that ZAP prescribes.
        try socket.bindInside("inproc://zeromq.zap.01")
    }

    /// Answers what libzmq asks; a bounded number of questions.
    public func answer() -> [KeyNotice] {
        var notices: [KeyNotice] = []
        for _ in 0..<64 {
            guard let frames = socket.receiveFrames() else { break }
            // Whose connection, an empty frame, then the request.
            guard frames.count > 2, frames[1].isEmpty else { continue }
            if let notice = look(ring.refresh()) { notices.append(notice) }
            let (reply, denial) = Authentication.reply(to: Array(frames[2...]), keys: ring.keys)
            if let reply { socket.sendFrames([frames[0], []] + reply) }
            if let denial { notices.append(.denied(denial.role, denial.description)) }
        }
        return notices
    }

    /// The entry of a key that was let in, if it may still do this.
    ///
    /// - Parameter digits: as libzmq gives it with a message.
    func key(_ digits: String, for role: KeyRole) -> AuthorizedKey? { ring.keys.key(digits: digits, for: role) }

    /// Reads the file again if it changed and nobody looked lately.
    public func refresh(now: ContinuousClock.Instant) -> KeyNotice? { look(ring.refresh(now: now)) }

    private func look(_ change: KeyRing.Change?) -> KeyNotice? { KeyNotice(change, of: ring) }

    /// Must be called after all ports are closed: nobody may in while nobody decides.
    public func close() { socket.close() }
}
