import Foundation
import Glibc
import Synchronization

/// The beginning of the names of everything that a process makes in the system, so that others can see whether it still lives.
///
/// `medmoe-PID-START-SERIAL`: START (ticks since boot) tells a process from another one that got its number later.
package struct OwnerTag: Sendable, Hashable, CustomStringConvertible {
    package let description: String
    private let process: Int32
    private let start: UInt64

    private static let serial = Atomic(0)

    /// A new one of this process.
    package init() {
        let process = getpid()
        let start = OwnerTag.start(of: process) ?? 0
        let number = OwnerTag.serial.wrappingAdd(1, ordering: .relaxed).newValue
        self.init("medmoe-\(process)-\(start)-\(number)", process, start)
    }

    /// Reads the tag at the beginning of a name; nil when there is none.
    package init?(beginOf name: String) {
        let parts = name.split(separator: "-", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0] == "medmoe", let process = Int32(parts[1]), process > 0, let start = UInt64(parts[2]),
            Int(parts[3]) != nil
        else { return nil }
        self.init(parts[..<4].joined(separator: "-"), process, start)
    }

    private init(_ description: String, _ process: Int32, _ start: UInt64) {
        self.description = description
        self.process = process
        self.start = start
    }

    /// Whether the process that made it still runs.
    package var isOwnerAlive: Bool { OwnerTag.start(of: process) == start }

    /// When a process was started, in ticks since boot.
    private static func start(of process: Int32) -> UInt64? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
        // The name of the program, in parentheses, may contain anything.
        let text = String(decoding: data, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        // A process that has ended and was not waited for is a zombie.
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return UInt64(fields[19])
    }
}
