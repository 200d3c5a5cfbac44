import Foundation
import Glibc

/// Standard output and standard error as a person or a program sees them.
enum Terminal {
    /// Whether a person looks at standard error.
    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Whether a person looks at standard output.
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Writes to standard output at once, so that a stream of tokens is seen as it comes.
    static func write(_ text: String) {
        FileHandle.standardOutput.write(Data(text.utf8))
    }

    /// A line on standard error.
    static func note(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}

/// Progress of a long piece of work: a bar on a terminal, a plain line now and then elsewhere.
struct ProgressBar {
    private let total: Int
    private let label: String
    private let isTerminal = Terminal.errorIsTerminal
    private let start = ContinuousClock.now
    private var lastDrawn: ContinuousClock.Instant?
    private var done = 0

    init(_ label: String, total: Int) {
        self.label = label
        self.total = total
    }

    mutating func advance() { advance(to: done + 1) }

    /// So much of the total is done.
    mutating func advance(to count: Int) {
        done = count
        let now = ContinuousClock.now
        let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(10)
        guard done == total || lastDrawn.map({ $0.duration(to: now) >= pause }) ?? true else { return }
        lastDrawn = now
        let seconds = start.milliseconds(to: now) / 1000
        let rate = seconds > 0 ? Double(done) / seconds : 0
        let left = rate > 0 ? Double(total - done) / rate : 0
        let figures = "\(done)/\(total)  \(String(format: "%.1f/s", rate))  \(done == total ? String(format: "%.1f s", seconds) : String(format: "%.0f s left", left))"
        if isTerminal {
            let width = 30
            let filled = total > 0 ? width * done / total : width
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
            FileHandle.standardError.write(Data("\r\u{1B}[K\(label) \(bar) \(figures)\(done == total ? "\n" : "")".utf8))
        } else {
            Terminal.note("\(label): \(figures)")
        }
    }
}

extension ContinuousClock.Instant {
    func milliseconds(to later: ContinuousClock.Instant) -> Double {
        let duration = self.duration(to: later).components
        return Double(duration.seconds) * 1000 + Double(duration.attoseconds) / 1e15
    }
}
