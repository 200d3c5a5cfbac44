/// Packets on their way through a relay in one direction: in with the time now, out at the time of their arrival.
///
/// Pure and seeded. Times are nanoseconds of any clock that does not go back.
package struct PacketQueue: Sendable {
    /// What becomes of a packet.
    package enum Fate: Sendable, Hashable {
        /// It goes on at once.
        case passes
        /// It is kept.
        case waits
        /// The queue is full.
        case dropped
    }

    package var travel: PacketTravel
    /// The most packets that wait.
    package let limit: Int
    package private(set) var droppedPackets = 0

    private var random: SplitMix
    private var inOrder = Line()
    /// Those that others overtake.
    private var heldBack = Line()

    package init(_ travel: PacketTravel = PacketTravel(), limit: Int = 10_000, seed: UInt64) {
        self.travel = travel
        self.limit = limit
        random = SplitMix(state: seed)
    }

    package var count: Int { inOrder.count + heldBack.count }
    package var isEmpty: Bool { count == 0 }

    /// When the next packet arrives; nil when none waits.
    package var next: UInt64? {
        switch (inOrder.due, heldBack.due) {
        case (let a?, let b?): min(a, b)
        case (let a, let b): a ?? b
        }
    }

    /// Takes a packet.
    package mutating func push(_ packet: UnsafeRawBufferPointer, at now: UInt64) -> Fate {
        guard travel.isNoticeable || !isEmpty else { return .passes }
        guard count < limit else {
            droppedPackets += 1
            return .dropped
        }
        var due = now + PacketQueue.nanoseconds(travel.delay)
        if travel.jitter > .zero { due += random.below(PacketQueue.nanoseconds(travel.jitter) + 1) }
        if travel.reordering > 0, random.fraction() < travel.reordering {
            heldBack.append([UInt8](packet), due: due + PacketQueue.nanoseconds(travel.holdBack))
        } else {
            inOrder.append([UInt8](packet), due: due)
        }
        return .waits
    }

    /// The next packet that has arrived; nil when none has.
    package mutating func pop(at now: UInt64) -> [UInt8]? {
        guard let next, next <= now else { return nil }
        return inOrder.due == next ? inOrder.removeFirst() : heldBack.removeFirst()
    }

    private static func nanoseconds(_ time: Duration) -> UInt64 { UInt64(max(0, time / .nanoseconds(1))) }
}

extension PacketQueue {
    /// First in, first out; nobody arrives before those in front.
    private struct Line: Sendable {
        private var packets: [(bytes: [UInt8], due: UInt64)] = []
        private var head = 0
        private var last: UInt64 = 0

        var count: Int { packets.count - head }
        var due: UInt64? { head < packets.count ? packets[head].due : nil }

        mutating func append(_ bytes: [UInt8], due: UInt64) {
            last = max(last, due)
            packets.append((bytes, last))
        }

        mutating func removeFirst() -> [UInt8] {
            let bytes = packets[head].bytes
            packets[head].bytes = []
            head += 1
            if head == packets.count {
                packets.removeAll(keepingCapacity: true)
                head = 0
            } else if head >= 1024, head * 2 > packets.count {
                packets.removeFirst(head)
                head = 0
            }
            return bytes
        }
    }

    /// SplitMix64.
    private struct SplitMix: Sendable {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }

        /// From 0 to `limit` - 1.
        mutating func below(_ limit: UInt64) -> UInt64 { next().multipliedFullWidth(by: limit).high }

        /// From 0 to below 1.
        mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }
    }
}
