import Foundation
import Glibc

package enum ProcessorTime {
    /// Seconds of a core that a process has used, all threads together; nil when there is no such process.
    package static func seconds(of process: Int32) -> Double? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
        let text = String(decoding: data, as: UTF8.self)
        // The name in parentheses may contain anything.
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        // Fields 14 and 15 of proc(5), user and system time in ticks; the first two are before the end of the name.
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
