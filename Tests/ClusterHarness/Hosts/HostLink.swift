/// Between a host and the switch: a cable (veth), or for a far host without netem two tun devices and a relay.
struct HostLink: Sendable {
    /// Name of the device in every host.
    static let device = "eth0"

    let namespace: String
    let switchNamespace: String
    /// The device at the switch.
    let port: String
    /// Nil for a cable.
    let relay: RelayProcess?
    /// A cable on which the kernel itself delays.
    let usesNetem: Bool

    private var ends: [(namespace: String, device: String)] { [(namespace, HostLink.device), (switchNamespace, port)] }

    func impose(_ new: NetworkCondition, instead old: NetworkCondition, usualRate: Int?) throws {
        if new.loss != old.loss || new.blackhole != old.blackhole {
            // Packets vanish where they arrive: those to the host at its device, those from it at the switch.
            for (end, direction) in [(ends[0], NetworkCondition.Direction.incoming), (ends[1], .outgoing)] {
                try SystemTool.run(
                    "ip", ["netns", "exec", end.namespace, "nft", "-f", "-"], input: new.rules(device: end.device, direction, table: port))
            }
        }
        let (newRate, oldRate) = (new.rate ?? usualRate, old.rate ?? usualRate)
        if new.travel != old.travel { try relay?.set(new.travel) }
        if newRate != oldRate || usesNetem && new.travel != old.travel { try shape(newRate, new.travel) }
    }

    /// Limits the rate each way, or ends that; where netem is used, it delays too.
    func shape(_ rate: Int?, _ travel: PacketTravel = PacketTravel()) throws {
        for end in ends {
            if usesNetem {
                try SystemTool.run("tc", ["-n", end.namespace] + HostLink.netemArguments(travel, rate, end.device))
            } else if let rate {
                try SystemTool.run("tc", ["-n", end.namespace] + HostLink.rateArguments(rate, end.device))
            } else {
                try SystemTool.run("tc", ["-n", end.namespace, "qdisc", "del", "dev", end.device, "root"])
            }
        }
    }

    /// A bucket of 5 ms, and at least three packets; what would wait for longer than 100 ms is dropped.
    static func rateArguments(_ rate: Int, _ device: String) -> [String] {
        [
            "qdisc", "replace", "dev", device, "root", "tbf", "rate", "\(rate)bit", "burst", "\(max(4800, rate / 8 / 200))b", "latency",
            "100ms",
        ]
    }

    static func netemArguments(_ travel: PacketTravel, _ rate: Int?, _ device: String) -> [String] {
        ["qdisc", "replace", "dev", device, "root", "netem"] + travel.netemArguments + (rate.map { ["rate", "\($0)bit"] } ?? [])
    }
}
