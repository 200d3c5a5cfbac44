import Glibc
import Testing
import Wire

@testable import Cluster

/// A TCP connection without any protocol.
struct RawLink {
    let descriptor: Int32

    init(to endpoint: Endpoint) throws {
        guard case .tcp(_, let port, _) = endpoint else { throw TimedOut(description: "tcp only") }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard status == 0 else { throw TimedOut(description: "connect: \(errno)") }
    }

    /// Says it without waiting: what finds no room is lost.
    func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }

    /// What is there to read, within a tenth of a second; nil when the other side hung up.
    func receive() -> [UInt8]? {
        var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&item, 1, 100) > 0 else { return [] }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count > 0 ? Array(buffer.prefix(count)) : nil
    }

    /// Whether the other side hangs up in time.
    func isClosedByPeer(within limit: Duration = .seconds(5)) -> Bool {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline { if receive() == nil { return true } }
        return false
    }

    func end() { close(descriptor) }
}
