import Foundation

/// Several hosts on this machine, on a switch of their own: network namespaces that reach each other and nothing else.
///
/// Each host resolves the others' names. Everything ends with this value: processes on the hosts are killed, what was made is
/// removed. When the process that owns it ends in any other way, even by SIGKILL, a janitor does that.
///
/// Whatever uses a host keeps all of them.
package struct HostField: Sendable {
    package let hosts: [TestHost]
    private let keeper: FieldKeeper

    /// - Throws: `HarnessError` when this machine lacks something that a plan needs, or a command fails; nothing stays then.
    package init(_ plans: [HostPlan]) throws {
        for plan in plans { try plan.check() }
        guard (1...64).contains(plans.count), Set(plans.map(\.name)).count == plans.count else {
            throw HarnessError("a field has 1 to 64 hosts with different names, not \(plans.map(\.name))")
        }
        if let lack = HostAbilities.here.lack(plans.reduce(into: []) { $0.formUnion($1.needs) }) { throw HarnessError(lack) }
        // What owners left who had no janitor, or whose janitor was killed as well.
        try Leftovers.removeAllOfTheDead()
        keeper = try FieldKeeper()
        do {
            hosts = try HostField.make(plans, keeper)
        } catch {
            keeper.close()
            throw error
        }
    }

    package func host(_ name: String) throws -> TestHost {
        guard let host = hosts.first(where: { $0.name == name }) else { throw HarnessError("there is no host \(name)") }
        return host
    }

    /// Lets the janitor remove a folder as well, if this process does not live to do it.
    package func removeAlso(_ folder: TemporaryFolder) { keeper.removeAlso(folder) }

    /// Kills what runs on the hosts and removes them. Again does nothing.
    package func close() { keeper.close() }
}

/// What is done to the network.
extension HostField {
    private static func make(_ plans: [HostPlan], _ keeper: FieldKeeper) throws -> [TestHost] {
        let owner = keeper.owner
        let hub = "\(owner)-switch"
        let spaces = plans.map { "\(owner)-\($0.name)" }
        let addresses = plans.indices.map { "198.18.0.\($0 + 1)" }
        let netem = HostAbilities.here.hasNetem
        try batch([], ([hub] + spaces).map { "netns add \($0)" })
        try writeNames(plans, spaces, addresses)
        try batch(["-n", hub], [
            "link set lo up", "link add br0 type bridge", "addr add 198.18.255.254/16 dev br0", "link set br0 up",
        ])
        // The switch answers for far hosts and forwards to them.
        let settings = ["ip_forward", "conf/br0/proxy_arp"].map { "echo 1 > /proc/sys/net/ipv4/\($0)" }
        try SystemTool.run("ip", ["netns", "exec", hub, "sh", "-e", "-c", settings.joined(separator: "; ")])
        var hosts: [TestHost] = []
        for (number, plan) in plans.enumerated() {
            let (space, address, port) = (spaces[number], addresses[number], "port\(number)")
            let isTunnel = plan.isFar && !netem
            let device = HostLink.device
            if isTunnel {
                try batch(["-n", space], ["tuntap add \(device) mode tun"])
                try batch(["-n", hub], ["tuntap add \(port) mode tun", "link set \(port) txqueuelen 10000"])
            } else {
                // Each packet is one, not a bundle that the kernel cuts later: loss hits packets.
                try batch(["-n", space], ["link add \(device) type veth peer name \(port) netns \(hub)", "link set \(device) gso_max_segs 1"])
            }
            try batch(["-n", space], ["link set lo up", "addr add \(address)/16 dev \(device)", "link set \(device) up"])
            try batch(["-n", hub], isTunnel ? ["link set \(port) up", "route add \(address)/32 dev \(port)"] : ["link set \(port) master br0 up"])
            let relay = isTunnel ? try RelayProcess(between: [(space, device), (hub, port)]) : nil
            if let relay { keeper.keep(relay) }
            let link = HostLink(namespace: space, switchNamespace: hub, port: port, relay: relay, usesNetem: plan.isFar && netem)
            if let rate = plan.rate { try link.shape(rate) }
            hosts.append(try TestHost(plan, namespace: space, address: address, link: link, keeper: keeper))
        }
        return hosts
    }

    private static func batch(_ options: [String], _ lines: [String]) throws {
        try SystemTool.run("ip", options + ["-batch", "-"], input: lines.joined(separator: "\n") + "\n")
    }

    /// `ip netns exec` shows these files in place of those in /etc.
    private static func writeNames(_ plans: [HostPlan], _ spaces: [String], _ addresses: [String]) throws {
        let names = "127.0.0.1 localhost\n::1 localhost\n" + zip(plans, addresses).map { "\($1) \($0.name)\n" }.joined()
        for space in spaces {
            let folder = "\(Leftovers.settingsFolder)/\(space)"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data(names.utf8).write(to: URL(filePath: folder + "/hosts"))
        }
    }
}
