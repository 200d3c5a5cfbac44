import Foundation
import Synchronization

/// One test host: a network namespace with an address, a name, and limits that its processes share.
///
/// Keeps its field.
package final class TestHost: Sendable {
    package let plan: HostPlan
    /// The network namespace, for `ip netns exec`.
    package let namespace: String
    package let address: String
    let link: HostLink
    private let keeper: FieldKeeper
    /// Files in which a process writes its number to be limited.
    private let joining: [String]
    private let imposed = Mutex(NetworkCondition.undisturbed)

    package var name: String { plan.name }

    init(_ plan: HostPlan, namespace: String, address: String, link: HostLink, keeper: FieldKeeper) throws {
        self.plan = plan
        self.namespace = namespace
        self.address = address
        self.link = link
        self.keeper = keeper
        var groups: [ControlGroup] = []
        if let share = plan.processorShare { groups.append(try .processor(share: share, owner: keeper.owner)) }
        if let memory = plan.memory { groups.append(try .memory(bytes: memory, owner: keeper.owner)) }
        groups.forEach(keeper.keep)
        joining = groups.map(\.membersFile)
    }

    /// What is put in front of a command so that it runs here: it joins the limits, then becomes the command, with the same
    /// process id.
    package var launcher: [String] {
        let join = joining.map { "echo $$ > \($0) && " }.joined()
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
