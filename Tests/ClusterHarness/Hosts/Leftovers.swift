import Foundation
import Glibc

/// Removes what fields of hosts made, by its names.
package enum Leftovers {
    static let namespaceFolder = "/run/netns"
    /// Settings of namespaces, as `ip netns exec` reads them.
    static let settingsFolder = "/etc/netns"

    /// Removes what processes left that do not live any more.
    ///
    /// - Returns: how many owners left something
    @discardableResult
    package static func removeAllOfTheDead() throws -> Int {
        let folders = [namespaceFolder, settingsFolder] + ControlGroup.parents
        let dead = Set(folders.flatMap(names).compactMap { OwnerTag(beginOf: $0) }).filter { !$0.isOwnerAlive }
        for owner in dead { try remove(of: owner) }
        return dead.count
    }

    /// Kills everything that runs in an owner's namespaces and control groups, and removes those.
    package static func remove(of owner: OwnerTag) throws {
        let namespaces = names(in: namespaceFolder).filter { isOf(owner, $0) }
        let groups = ControlGroup.parents.flatMap { parent in names(in: parent).filter { isOf(owner, $0) }.map { "\(parent)/\($0)" } }
        kill(in: namespaces, groups)
        for group in groups { ControlGroup.remove(group) }
        for settings in names(in: settingsFolder) where isOf(owner, settings) {
            try? FileManager.default.removeItem(atPath: "\(settingsFolder)/\(settings)")
        }
        for namespace in namespaces {
            do {
                try SystemTool.run("ip", ["netns", "del", namespace])
            } catch where !FileManager.default.fileExists(atPath: "\(namespaceFolder)/\(namespace)") {
                // A janitor was faster.
            }
        }
        // Only when nobody else has settings there.
        rmdir(settingsFolder)
    }

    private static func names(in folder: String) -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] }

    private static func isOf(_ owner: OwnerTag, _ name: String) -> Bool { name.hasPrefix(owner.description + "-") }

    /// Until nobody is left: a process may start another one meanwhile.
    private static func kill(in namespaces: [String], _ groups: [String]) {
        let spaces = Set(namespaces.compactMap { FileIdentity("\(namespaceFolder)/\($0)") })
        for _ in 0..<200 {
            let inside = names(in: "/proc").compactMap { Int32($0) }.filter { process in
                process != getpid() && (FileIdentity("/proc/\(process)/ns/net").map(spaces.contains) ?? false)
            }
            let members = groups.flatMap { group in
                String(decoding: FileManager.default.contents(atPath: group + "/cgroup.procs") ?? Data(), as: UTF8.self)
                    .split(separator: "\n").compactMap { Int32($0) }
            }
            let targets = Set(inside + members).filter { $0 > 1 && !isZombie($0) }
            guard !targets.isEmpty else { return }
            for process in targets { _ = Glibc.kill(process, SIGKILL) }
            usleep(5000)
        }
    }

    private static func isZombie(_ process: Int32) -> Bool {
        let text = String(decoding: FileManager.default.contents(atPath: "/proc/\(process)/stat") ?? Data(), as: UTF8.self)
        return text[(text.lastIndex(of: ")") ?? text.startIndex)...].hasPrefix(") Z")
    }

    /// Which file a path leads to.
    private struct FileIdentity: Hashable {
        let device: UInt
        let number: UInt

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            (device, number) = (UInt(status.st_dev), UInt(status.st_ino))
        }
    }
}
