import Foundation
import Glibc

/// A control group (version 1) that limits processes; removed with this value, when its processes are gone.
package final class ControlGroup: Sendable {
    private let path: String

    /// Limits memory, so that whoever needs more is killed.
    ///
    /// - Throws: `HarnessError` where groups cannot be made.
    package static func memory(bytes: Int) throws -> ControlGroup {
        try ControlGroup("memory", ["memory.limit_in_bytes": "\(bytes)"])
    }

    /// Limits processor time to a part of one core, dealt out in short periods so that nothing stops for long.
    package static func processor(share: Double, period: Duration = .milliseconds(10)) throws -> ControlGroup {
        let microseconds = Int(period / .microseconds(1))
        return try ControlGroup(
            "cpu", ["cpu.cfs_period_us": "\(microseconds)", "cpu.cfs_quota_us": "\(max(1000, Int(Double(microseconds) * share)))"])
    }

    private init(_ controller: String, _ settings: [String: String]) throws {
        path = "/sys/fs/cgroup/\(controller)/medmoe-\(getpid())-\(UUID().uuidString.prefix(6))"
        guard mkdir(path, 0o755) == 0 else {
            throw HarnessError("no control group for \(controller) can be made: \(String(cString: strerror(errno)))")
        }
        // The period first: a quota is judged against it.
        for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
            do {
                try ControlGroup.write(value, to: "\(path)/\(name)")
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

    deinit {
        // A process that was just killed stays in it for a moment.
        for _ in 0..<50 where rmdir(path) != 0 && errno == EBUSY { usleep(20_000) }
    }

    package func add(_ process: Int32) throws { try ControlGroup.write("\(process)", to: path + "/cgroup.procs") }
}
