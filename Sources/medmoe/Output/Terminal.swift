import Foundation
import Glibc

/// Standard output and standard error as a person or a program sees them.
enum Terminal {
    /// Whether a person looks at standard error.
    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Whether a person looks at standard output.
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Writes to standard output at once, so that a stream of tokens is seen as it comes.
    ///
    /// - Throws: `OutputError`, as when the disk below is full: who asked for an answer must not believe that it came.
    static func output(_ text: String) throws(OutputError) { try write(text, to: STDOUT_FILENO) }

    /// A line on standard error.
    static func note(_ text: String) { tell(text + "\n") }

    /// Writes to standard error, as it is.
    ///
    /// A failure is ignored: nobody is left to tell it to, and hours of learning must not end because the disk below their progress is full.
    static func tell(_ text: String) { try? write(text, to: STDERR_FILENO) }

    /// Not by `FileHandle.write(_:)`, which ends the process where the system refuses. A reader that is gone still ends it by SIGPIPE,
    /// as it ends other programs in a pipeline, unless whoever started it ignores that signal.
    private static func write(_ text: String, to descriptor: Int32) throws(OutputError) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw OutputError(reason: String(cString: strerror(errno))) }
            rest = rest.dropFirst(count)
        }
    }
}

/// Standard output did not take what a command prints.
struct OutputError: Error, Sendable, CustomStringConvertible {
    /// What the system said.
    let reason: String

    var description: String { "standard output cannot be written to: \(reason); make room, or send it elsewhere" }
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
            Terminal.tell("\r\u{1B}[K\(label) \(bar) \(figures)\(done == total ? "\n" : "")")
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
