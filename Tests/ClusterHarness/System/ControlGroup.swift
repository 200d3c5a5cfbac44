import Foundation
import Glibc

/// A control group that limits processes; removed with this value, when its processes are gone.
///
/// Version 1 where the system has a hierarchy per controller, else version 2.
package final class ControlGroup: Sendable {
    package let path: String

    /// Limits memory, so that whoever needs more is killed.
    ///
    /// - Throws: `HarnessError` where groups cannot be made.
    package static func memory(bytes: Int, owner: OwnerTag = OwnerTag()) throws -> ControlGroup {
        try ControlGroup(
            "memory", owner, hasVersion2 ? [("memory.max", "\(bytes)")] : [("memory.limit_in_bytes", "\(bytes)")])
    }

    /// Limits processor time to a part of one core, dealt out in short periods so that nothing stops for long: at least 1 ms in
    /// `period`, which is made longer for very small parts.
    package static func processor(
        share: Double, period: Duration = .milliseconds(10), owner: OwnerTag = OwnerTag()
    ) throws -> ControlGroup {
        guard share > 0.001, share <= 1024 else { throw HarnessError("\(share) of a core: expected 0.001 to 1024") }
        let microseconds = max(Int(period / .microseconds(1)), Int((1000 / share).rounded(.up)))
        let quota = max(1000, Int((Double(microseconds) * share).rounded()))
        return try ControlGroup(
            // The period first: a quota is judged against it.
            "cpu", owner,
            hasVersion2
                ? [("cpu.max", "\(quota) \(microseconds)")]
                : [("cpu.cfs_period_us", "\(microseconds)"), ("cpu.cfs_quota_us", "\(quota)")])
    }

    static let root = "/sys/fs/cgroup"
    private static let hasVersion2 = FileManager.default.fileExists(atPath: root + "/cgroup.controllers")

    /// Folders in which groups of ours may be.
    static let parents = hasVersion2 ? [root] : ["cpu", "memory"].map { "\(root)/\($0)" }

    private init(_ controller: String, _ owner: OwnerTag, _ settings: [(file: String, text: String)]) throws {
        var parent = "\(ControlGroup.root)/\(controller)"
        if ControlGroup.hasVersion2 {
            parent = ControlGroup.root
            try ControlGroup.write("+\(controller)", to: parent + "/cgroup.subtree_control")
        }
        path = "\(parent)/\(owner)-\(UUID().uuidString.prefix(6))"
        guard mkdir(path, 0o755) == 0 else {
            throw HarnessError("no control group for \(controller) can be made: \(String(cString: strerror(errno)))")
        }
        for (file, text) in settings {
            do {
                try ControlGroup.write(text, to: "\(path)/\(file)")
            } catch {
                rmdir(path)
                throw error
            }
        }
    }

    private static func write(_ text: String, to file: String) throws {
        let descriptor = open(file, O_WRONLY)
        guard descriptor >= 0 else { throw HarnessError("\(file): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        guard Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count else {
            throw HarnessError("\(file) does not take \(text): \(String(cString: strerror(errno)))")
        }
    }

    deinit { ControlGroup.remove(path) }

    /// Removes a group. A process that was just killed stays in it for a moment.
    static func remove(_ path: String) {
        for _ in 0..<50 where rmdir(path) != 0 && errno == EBUSY { usleep(20_000) }
    }

    /// Where a process writes its number to join.
    var membersFile: String { path + "/cgroup.procs" }

    package func add(_ process: Int32) throws { try ControlGroup.write("\(process)", to: membersFile) }
}
