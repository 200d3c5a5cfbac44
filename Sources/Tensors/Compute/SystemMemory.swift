import Foundation

/// Memory of this machine.
public enum SystemMemory {
    /// Bytes that can be had now without swapping, as the kernel estimates; all of the memory where it does not say.
    public static var available: Int {
        let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        return kibibytes.map { $0 << 10 } ?? Int(clamping: ProcessInfo.processInfo.physicalMemory)
    }
}
