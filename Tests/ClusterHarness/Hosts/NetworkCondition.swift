/// How a host's link is: what happens to packets to and from it.
package struct NetworkCondition: Sendable, Hashable {
    /// As seen by the host.
    package enum Direction: String, Sendable, Hashable, CaseIterable { case incoming, outgoing }

    /// Nothing happens.
    package static let undisturbed = NetworkCondition()

    /// Each way; a round trip takes twice as long. Needs a far host, as do jitter and reordering.
    package var delay: Duration
    /// Each packet takes up to so much longer; the order stays.
    package var jitter: Duration
    /// Part of the packets, 0 to 1, that `holdBack` longer than the others lets them overtake.
    package var reordering: Double
    package var holdBack: Duration
    /// Part of the packets, 0 to 1, that vanishes, each way.
    package var loss: Double
    /// Where everything vanishes.
    package var blackhole: Set<Direction>
    /// Bits per second, each way, in place of the host's own rate; nil for that.
    package var rate: Int?

    package init(
        delay: Duration = .zero, jitter: Duration = .zero, reordering: Double = 0, holdBack: Duration = .milliseconds(10), loss: Double = 0,
        blackhole: Set<Direction> = [], rate: Int? = nil
    ) {
        self.delay = delay
        self.jitter = jitter
        self.reordering = reordering
        self.holdBack = holdBack
        self.loss = loss
        self.blackhole = blackhole
        self.rate = rate
    }

    /// What happens to packets on their way, beside loss and rate.
    var travel: PacketTravel { PacketTravel(delay: delay, jitter: jitter, reordering: reordering, holdBack: holdBack) }

    /// What it needs of the machine.
    package var needs: Set<HostAbility> {
        var needs: Set<HostAbility> = []
        if travel.isNoticeable { needs.insert(.delay) }
        if loss > 0 || !blackhole.isEmpty { needs.insert(.loss) }
        if rate != nil { needs.insert(.rateLimit) }
        return needs
    }

    /// Rules that let packets vanish where they come in from a device. They are before the IP layer and beyond the sender's
    /// queue, so that the sender learns as little as from a real cable.
    ///
    /// - Parameter table: the switch has one per port
    func rules(device: String, _ direction: Direction, table: String = "medmoe") -> String {
        let isGone = blackhole.contains(direction)
        let drop = isGone ? "drop" : "numgen random mod 1000000 < \(Int((loss * 1_000_000).rounded())) drop"
        var text = "add table netdev \(table)\ndelete table netdev \(table)\n"
        if isGone || loss > 0 {
            text += "table netdev \(table) {\n  chain arriving {\n"
            text += "    type filter hook ingress device \"\(device)\" priority 0; policy accept;\n    \(drop)\n  }\n}\n"
        }
        return text
    }

    func check() throws {
        for (name, part) in [("loss", loss), ("reordering", reordering)] where !(0...1).contains(part) {
            throw HarnessError("\(name) is \(part); expected 0 to 1")
        }
        for (name, time) in [("delay", delay), ("jitter", jitter), ("holdBack", holdBack)] where !(.zero ... .seconds(60)).contains(time) {
            throw HarnessError("\(name) is \(time); expected 0 to 60 s")
        }
    }
}
