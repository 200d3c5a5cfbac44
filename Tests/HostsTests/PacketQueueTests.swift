import ClusterHarness
import Testing

/// The queue of a relay: pure, so time is a number here.
@Suite struct PacketQueueTests {
    private static let millisecond: UInt64 = 1_000_000

    private static func queue(_ travel: PacketTravel, limit: Int = 10_000, seed: UInt64 = 1) -> PacketQueue {
        PacketQueue(travel, limit: limit, seed: seed)
    }

    /// Sends numbered packets, one each millisecond, and collects them at the moment they are due.
    private static func carry(_ count: UInt32, through queue: inout PacketQueue) -> [(number: UInt32, sent: UInt64, arrived: UInt64)] {
        var arrivals: [(number: UInt32, sent: UInt64, arrived: UInt64)] = []
        func collect(_ queue: inout PacketQueue, until limit: UInt64) {
            while let due = queue.next, due <= limit, let packet = queue.pop(at: due) {
                let number = packet.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
                arrivals.append((number, UInt64(number) * millisecond, due))
            }
        }
        for number in 0..<count {
            let now = UInt64(number) * millisecond
            collect(&queue, until: now)
            if withUnsafeBytes(of: number, { queue.push($0, at: now) }) == .passes { arrivals.append((number, now, now)) }
        }
        collect(&queue, until: .max)
        return arrivals
    }

    @Test("a queue without delay keeps nothing")
    func aQueueWithoutDelayKeepsNothing() {
        var queue = Self.queue(PacketTravel())
        let arrivals = Self.carry(100, through: &queue)
        #expect(arrivals.map(\.number) == Array(0..<100))
        #expect(arrivals.allSatisfy { $0.arrived == $0.sent })
        #expect(queue.isEmpty)
    }

    @Test("every packet takes exactly the delay, in order")
    func everyPacketTakesExactlyTheDelayInOrder() {
        var queue = Self.queue(PacketTravel(delay: .milliseconds(50)))
        let arrivals = Self.carry(500, through: &queue)
        #expect(arrivals.map(\.number) == Array(0..<500))
        #expect(arrivals.allSatisfy { $0.arrived - $0.sent == 50 * Self.millisecond })
    }

    @Test("jitter stays within its bounds, varies, and keeps the order")
    func jitterStaysWithinItsBoundsVariesAndKeepsThe() {
        var queue = Self.queue(PacketTravel(delay: .milliseconds(10), jitter: .milliseconds(5)))
        let arrivals = Self.carry(1000, through: &queue)
        #expect(arrivals.map(\.number) == Array(0..<1000))
        let times = arrivals.map { $0.arrived - $0.sent }
        // Who waits for those in front still arrives when they do: within the bounds as well.
        #expect(times.allSatisfy { (10 * Self.millisecond...15 * Self.millisecond).contains($0) })
        #expect(Set(times).count > 500)
        #expect(zip(arrivals, arrivals.dropFirst()).allSatisfy { $0.arrived <= $1.arrived })
    }

    @Test("reordering lets about the wished part be overtaken, and loses and doubles nothing")
    func reorderingLetsAboutTheWishedPartBeOvertaken() {
        var queue = Self.queue(PacketTravel(delay: .milliseconds(1), reordering: 0.25, holdBack: .milliseconds(5)))
        let arrivals = Self.carry(4000, through: &queue)
        #expect(arrivals.map(\.number).sorted() == Array(0..<4000))
        let late = arrivals.filter { $0.arrived - $0.sent == 6 * Self.millisecond }.count
        #expect(arrivals.allSatisfy { [1, 6].contains(($0.arrived - $0.sent) / Self.millisecond) })
        #expect((850...1150).contains(late), "of 4000")
        #expect(zip(arrivals, arrivals.dropFirst()).contains { $0.number > $1.number })
    }

    @Test("a full queue drops, and counts it")
    func aFullQueueDropsAndCountsIt() {
        var queue = Self.queue(PacketTravel(delay: .seconds(10)), limit: 30)
        let arrivals = Self.carry(100, through: &queue)
        #expect(arrivals.map(\.number) == Array(0..<30))
        #expect(queue.droppedPackets == 70)
    }

    @Test("a delay that ends does not let later packets overtake those that wait")
    func aDelayThatEndsDoesNotLetLaterPacketsOvertake() {
        var queue = Self.queue(PacketTravel(delay: .milliseconds(200)))
        for number in UInt8(0)..<10 { _ = withUnsafeBytes(of: number) { queue.push($0, at: 0) } }
        queue.travel = PacketTravel()
        for number in UInt8(10)..<20 { _ = withUnsafeBytes(of: number) { queue.push($0, at: 1000) } }
        #expect(queue.pop(at: 199 * Self.millisecond) == nil)
        var order: [UInt8] = []
        while let packet = queue.pop(at: 200 * Self.millisecond) { order += packet }
        #expect(order == Array(0..<20))
        #expect(withUnsafeBytes(of: UInt8(20)) { queue.push($0, at: 201 * Self.millisecond) } == .passes)
    }

    @Test("equal seeds give equal histories, others do not")
    func equalSeedsGiveEqualHistoriesOthersDoNot() {
        func history(_ seed: UInt64) -> [UInt64] {
            var queue = Self.queue(PacketTravel(jitter: .milliseconds(9), reordering: 0.1), seed: seed)
            return Self.carry(300, through: &queue).map(\.arrived)
        }
        #expect(history(3) == history(3))
        #expect(history(3) != history(4))
    }

    @Test("settings survive the line in which a relay is told, and nonsense is refused")
    func settingsSurviveTheLineInWhichARelayIsTold() {
        let travel = PacketTravel(delay: .milliseconds(50), jitter: .microseconds(7), reordering: 0.25, holdBack: .milliseconds(3))
        #expect(PacketTravel(line: travel.line) == travel)
        for line in ["", "travel", "travel 1 2 3", "travel 1 2 3 4 5", "travel -1 0 0 0", "travel 1 0 1000001 0", "travel x 0 0 0", "delay 1 2 3 4"] {
            #expect(PacketTravel(line: line) == nil, "\(line)")
        }
    }

    @Test("netem is told the same")
    func netemIsToldTheSame() {
        #expect(PacketTravel().netemArguments == ["delay", "0us"])
        #expect(PacketTravel(delay: .milliseconds(5)).netemArguments == ["delay", "5000us", "limit", "10000"])
        #expect(
            PacketTravel(delay: .milliseconds(5), jitter: .milliseconds(2), reordering: 0.25, holdBack: .milliseconds(10)).netemArguments
                == ["delay", "11000us", "1000us", "reorder", "25.0%", "limit", "10000"])
    }
}
