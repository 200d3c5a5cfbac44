import Foundation
import Synchronization

/// One test host: a network namespace with an address, a name, and limits that its processes share.
///
/// Lives as long as its field.
package final class TestHost: Sendable {
    package let plan: HostPlan
    /// The network namespace, for `ip netns exec`.
    package let namespace: String
    package let address: String
    let link: HostLink
    private let groups: [ControlGroup]
    private let imposed = Mutex(NetworkCondition.undisturbed)

    package var name: String { plan.name }

    init(_ plan: HostPlan, namespace: String, address: String, link: HostLink, owner: OwnerTag) throws {
        self.plan = plan
        self.namespace = namespace
        self.address = address
        self.link = link
        var groups: [ControlGroup] = []
        if let share = plan.processorShare { groups.append(try .processor(share: share, owner: owner)) }
        if let memory = plan.memory { groups.append(try .memory(bytes: memory, owner: owner)) }
        self.groups = groups
    }

    /// What is put in front of a command so that it runs here: it joins the limits, then becomes the command, with the same
    /// process id.
    package var launcher: [String] {
        let join = groups.map { "echo $$ > \($0.membersFile) && " }.joined()
        return ["/bin/sh", "-c", join + "exec ip netns exec \(namespace) \"$@\"", "sh"]
    }

    /// How the link is now.
    package var condition: NetworkCondition { imposed.withLock { $0 } }

    /// Makes the link as described, whatever it was before. In force when this returns.
    ///
    /// - Throws: `HarnessError`, for instance when a host that is not far is to be delayed.
    package func impose(_ condition: NetworkCondition) throws {
        try condition.check()
        if condition.travel.isNoticeable, !plan.isFar { throw HarnessError("host \(name) is not far: it cannot be delayed") }
        try imposed.withLock { imposed in
            try link.impose(condition, instead: imposed, usualRate: plan.rate)
            imposed = condition
        }
    }

    /// Ends what is imposed.
    package func heal() throws { try impose(.undisturbed) }

    /// Runs a short command here and waits for it.
    ///
    /// - Returns: what it printed
    /// - Throws: `HarnessError` with what it printed, when it fails.
    @discardableResult
    package func run(_ command: [String], input: String = "") throws -> String {
        try SystemTool.run("sh", launcher.dropFirst() + command, input: input)
    }
}
