import Foundation
import Load
import Synchronization

/// How a load goes: one line that changes on a terminal, a plain line now and then elsewhere.
final class LiveLine: Sendable {
    private struct Shown {
        var seconds = 0.0
        var count = 0
        var any = false
    }

    private let isTerminal = Terminal.errorIsTerminal
    private let shown = Mutex(Shown())

    /// Seconds between lines.
    var interval: Double { isTerminal ? 0.5 : 5 }

    func show(_ progress: LoadProgress) {
        let rate = perSecond(progress.tokens, at: progress.seconds)
        draw(String(
            format: "%@%.0f s  running %d  answered %d  %.0f tokens/s  TTFT p50 %.0f ms, p99 %.0f ms  failed %d",
            progress.isWarmingUp ? "warm-up " : "", progress.seconds, progress.running, progress.answered, rate, progress.ttftP50,
            progress.ttftP99, progress.failed))
    }

    func show(_ progress: DispatchProgress) {
        let rate = perSecond(progress.rowsDone, at: progress.seconds)
        draw(String(
            format: "%@%.0f s  %d rows per tile  under way %d  %.0f rows/s  ticket p50 %.1f ms, p99 %.1f ms  failed %d",
            progress.isWarmingUp ? "warm-up " : "", progress.seconds, progress.rows, progress.running, rate, progress.p50, progress.p99,
            progress.failed))
    }

    /// The line is over; what comes next begins a new one.
    func finish() {
        if isTerminal, shown.withLock({ $0.any }) { Terminal.tell("\r\u{1B}[K") }
    }

    /// Since the last call.
    private func perSecond(_ count: Int, at seconds: Double) -> Double {
        shown.withLock { shown in
            defer { (shown.seconds, shown.count) = (seconds, count) }
            let time = seconds - shown.seconds
            return time > 0 ? Double(count - shown.count) / time : 0
        }
    }

    private func draw(_ line: String) {
        shown.withLock { $0.any = true }
        if isTerminal {
            Terminal.tell("\r\u{1B}[K\(line)")
        } else {
            Terminal.note(line)
        }
    }
}
