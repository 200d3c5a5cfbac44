import CHosts
import Glibc

/// Carries packets between two tun devices, one of a host and one of the switch, until its standard input ends.
///
/// Each line on standard input is a `PacketTravel` for both directions; when it is in force, a line "ok" is printed.
/// One thread, one poll; while nothing is delayed, a packet is read and written and never kept.
package struct Relay: ~Copyable {
    private static let packetLimit = 65_536
    /// Packets of one direction before the other has its turn.
    private static let batch = 64

    private let devices: [Int32]
    private var queues: [PacketQueue]
    private var packet = [UInt8](repeating: 0, count: Relay.packetLimit)
    private var command: [UInt8] = []

    /// Attaches to the devices. Leaves the calling thread in the network namespace of the last.
    ///
    /// - Parameter ends: namespace (its name) and device, twice
    /// - Throws: `HarnessError`
    package init(between ends: [(namespace: String, device: String)], seed: UInt64) throws {
        var opened: [Int32] = []
        for end in ends {
            let file = open("/run/netns/\(end.namespace)", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { throw HarnessError("network namespace \(end.namespace): \(String(cString: strerror(errno)))") }
            let entered = medmoe_enter_network(file)
            let why = errno
            close(file)
            guard entered == 0 else { throw HarnessError("network namespace \(end.namespace): \(String(cString: strerror(why)))") }
            let device = medmoe_open_tun(end.device)
            guard device >= 0 else { throw HarnessError("tun device \(end.device): \(String(cString: strerror(errno)))") }
            opened.append(device)
        }
        guard opened.count == 2 else { throw HarnessError("a relay has two ends, not \(opened.count)") }
        devices = opened
        queues = (0..<2).map { PacketQueue(seed: seed &+ $0) }
    }

    deinit { devices.forEach { close($0) } }

    /// Runs until standard input ends.
    package mutating func run() {
        Relay.comeFirst()
        print("ok")
        fflush(nil)
        while true {
            var polled = ([0] + devices).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            let due = queues.compactMap(\.next).min()
            let now = Relay.now()
            let limit = due.map { $0 > now ? Int64($0 - now) : 0 } ?? -1
            guard medmoe_poll(&polled, UInt(polled.count), limit) >= 0 || errno == EINTR else { return }
            if polled[0].revents != 0, !obey() { return }
            for side in 0..<2 {
                deliver(to: 1 - side, from: side)
                if polled[1 + side].revents != 0 { take(from: side) }
            }
        }
    }

    /// Packets wait as long as they are told to, not as long as a busy machine lets them: what a relay does takes little time.
    private static func comeFirst() {
        var priority = sched_param(sched_priority: 1)
        if sched_setscheduler(0, SCHED_RR, &priority) != 0 { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, -20) }
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private mutating func take(from side: Int) {
        for _ in 0..<Relay.batch {
            let count = packet.withUnsafeMutableBytes { read(devices[side], $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            let other = devices[1 - side]
            packet.withUnsafeBytes { bytes in
                let packet = UnsafeRawBufferPointer(rebasing: bytes[..<count])
                // What the device does not take is lost, as on any link.
                if queues[side].push(packet, at: Relay.now()) == .passes { _ = write(other, packet.baseAddress, count) }
            }
        }
    }

    private mutating func deliver(to other: Int, from side: Int) {
        guard !queues[side].isEmpty else { return }
        let now = Relay.now()
        while let packet = queues[side].pop(at: now) {
            _ = packet.withUnsafeBytes { write(devices[other], $0.baseAddress, $0.count) }
        }
    }

    /// Reads what it is told.
    ///
    /// - Returns: false at the end
    private mutating func obey() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = bytes.withUnsafeMutableBytes { read(0, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR || errno == EAGAIN { return true }
        guard count > 0, command.count < 4096 else { return false }
        command += bytes[..<count]
        while let end = command.firstIndex(of: 0x0A) {
            let line = String(decoding: command[..<end], as: UTF8.self)
            command.removeSubrange(...end)
            if let travel = PacketTravel(line: line) {
                for side in queues.indices { queues[side].travel = travel }
                print("ok")
            } else {
                print("not understood: \(line)")
            }
            fflush(nil)
        }
        return true
    }
}
