import Foundation

/// Processor time of this process, by the names of its threads.
public struct ThreadTimes: Sendable, Hashable {
    /// Seconds in user and system mode together.
    public private(set) var seconds: [String: Double] = [:]

    /// As the system counts at this moment; threads that have ended are not in it.
    public static func now() -> ThreadTimes {
        var times = ThreadTimes()
        let tick = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        for task in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? [] {
            guard let data = FileManager.default.contents(atPath: "/proc/self/task/\(task)/stat") else { continue }
            let text = String(decoding: data, as: UTF8.self)
            // "id (name) state …": the name may contain anything, also brackets.
            guard let open = text.firstIndex(of: "("), let end = text.lastIndex(of: ")") else { continue }
            let fields = text[text.index(after: end)...].split(separator: " ")
            guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { continue }
            times.seconds[String(text[text.index(after: open)..<end]), default: 0] += (user + system) / tick
        }
        return times
    }

    /// What was spent since an earlier moment.
    public func since(_ earlier: ThreadTimes) -> ThreadTimes {
        var difference = ThreadTimes()
        for (name, value) in seconds { difference.seconds[name] = max(0, value - (earlier.seconds[name] ?? 0)) }
        return difference
    }

    /// Both together.
    public static func + (a: ThreadTimes, b: ThreadTimes) -> ThreadTimes {
        var sum = a
        sum.seconds.merge(b.seconds, uniquingKeysWith: +)
        return sum
    }

    public init() {}
}
