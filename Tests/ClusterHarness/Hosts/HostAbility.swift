import Foundation
import Glibc

/// What a machine may be able to do for test hosts.
package enum HostAbility: String, Sendable, Hashable, CaseIterable {
    /// Network namespaces with links between them.
    case namespaces = "hosts with addresses"
    case rateLimit = "rate limits"
    case loss = "loss and blackholes"
    /// Through netem or a relay.
    case delay = "delay and reordering"
    case processorLimit = "processor limits"
    case memoryLimit = "memory limits"
    /// A server for ssh and scp.
    case secureShell = "ssh servers"
}

/// Which abilities this machine has, as tried.
package struct HostAbilities: Sendable {
    /// How an ability is provided, or why it is not there.
    package enum Finding: Sendable, Hashable, CustomStringConvertible {
        case present(by: String)
        case missing(String)

        package var description: String {
            switch self {
            case .present(let means): "yes: \(means)"
            case .missing(let why): "NO: \(why)"
            }
        }
    }

    package let findings: [HostAbility: Finding]
    /// Whether the kernel delays packets itself.
    let hasNetem: Bool

    /// What this machine can do. Everything is tried once per process: made and removed.
    package static let here = probe()

    /// Abilities of `needs` that are missing, with reasons; nil when all are there.
    package func lack(_ needs: Set<HostAbility>) -> String? {
        let lacking = HostAbility.allCases.filter(needs.contains).compactMap { ability -> String? in
            if case .missing(let why) = findings[ability] { "\(ability.rawValue) (\(why))" } else { nil }
        }
        return lacking.isEmpty ? nil : "this machine has no " + lacking.joined(separator: ", no ")
    }

    private static func probe() -> HostAbilities {
        var findings: [HostAbility: Finding] = [:]
        func attempt(_ ability: HostAbility, _ body: () throws -> String) {
            do { findings[ability] = .present(by: try body()) } catch { findings[ability] = .missing("\(error)") }
        }
        let tag = OwnerTag()
        let one = "\(tag)-probe"
        defer { _ = try? SystemTool.run("ip", ["netns", "del", one]) }
        attempt(.namespaces) {
            guard getuid() == 0 else { throw HarnessError("only root may make network namespaces: try sudo") }
            guard Program.hostsPath != nil else { throw HarnessError.noHostsProgram }
            try SystemTool.run("ip", ["netns", "add", one])
            try SystemTool.run("ip", ["-n", one, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1"])
            try SystemTool.run("ip", ["-n", one, "link", "add", "br0", "type", "bridge"])
            return "network namespaces, veth, bridge"
        }
        // All of the rest of the network is tried between those.
        let hasNamespaces = if case .present = findings[.namespaces] { true } else { false }
        func inNamespace(_ ability: HostAbility, _ body: () throws -> String) {
            guard hasNamespaces else { return findings[ability] = .missing("there are no hosts with addresses") }
            attempt(ability, body)
        }
        inNamespace(.rateLimit) {
            try SystemTool.run("tc", ["-n", one] + HostLink.rateArguments(1_000_000, "eth0"))
            return "tbf"
        }
        inNamespace(.loss) {
            let rules = NetworkCondition(loss: 0.5).rules(device: "eth0", .incoming)
            try SystemTool.run("ip", ["netns", "exec", one, "nft", "-f", "-"], input: rules)
            return "nftables"
        }
        var hasNetem = false
        inNamespace(.delay) {
            hasNetem = (try? SystemTool.run("tc", ["-n", one, "qdisc", "replace", "dev", "eth1", "root", "netem", "delay", "1ms"])) != nil
            if hasNetem { return "netem" }
            try SystemTool.run("ip", ["-n", one, "tuntap", "add", "tun0", "mode", "tun"])
            return "a relay between tun devices (this kernel has no netem)"
        }
        attempt(.processorLimit) { "control group \(try ControlGroup.processor(share: 0.1, owner: tag).path)" }
        attempt(.memoryLimit) { "control group \(try ControlGroup.memory(bytes: 64 << 20, owner: tag).path)" }
        inNamespace(.secureShell) {
            for tool in ["sshd", "ssh", "scp", "ssh-keygen"] where SystemTool.path(tool) == nil {
                throw HarnessError("\(tool) is not installed: install openssh-server and openssh-client")
            }
            return "OpenSSH"
        }
        return HostAbilities(findings: findings, hasNetem: hasNetem)
    }
}

extension HarnessError {
    static let noHostsProgram = HarnessError(
        "hosts is not beside this executable: build it with `swift build --build-tests` or `--product hosts`")
}
