import Foundation
import Synchronization
import Training

/// How a step of learning goes: a bar with loss, rows per second and time left on a terminal, a plain line now and then elsewhere.
final class LearningProgress: TrainingObserver {
    private struct State {
        var began: ContinuousClock.Instant?
        var firstUpdate = 0
        var lastDrawn: ContinuousClock.Instant?
        var smoothedLoss: Double?
        var rows = 0
        var preparing: (what: String, bar: ProgressBar)?
        var log: TrainingLogWriter?
        var logFailure: String?
    }

    private let isTerminal = Terminal.errorIsTerminal
    private let state: Mutex<State>
    private let title: String

    /// - Parameters:
    ///   - title: what the step is called.
    ///   - log: file that gets a JSON object for every update; nil for none.
    /// - Throws: `TrainingLogWriterError` when the log cannot be opened.
    init(title: String, log: String?) throws {
        self.title = title
        state = Mutex(State(log: try log.map { try TrainingLogWriter(appendingTo: $0) }))
    }

    /// Adds a record to the log. One that cannot be written (the disk is full) is said once; learning goes on, its checkpoints decide.
    func record(_ record: TrainingRecord) {
        state.withLock { state in
            do { try state.log?.append(record) } catch {
                if state.logFailure == nil { Terminal.note("\(error)") }
                state.logFailure = "\(error)"
            }
        }
    }

    func prepared(_ what: String, done: Int, total: Int) {
        state.withLock { state in
            if state.preparing?.what != what { state.preparing = (what, ProgressBar(what, total: total)) }
            state.preparing?.bar.advance(to: done)
        }
    }

    func computes(with summary: String) { Terminal.note("\(title): \(summary)") }

    func skipped(_ counts: [(kind: String, count: Int)]) {
        Terminal.note("\(title): left out " + counts.map { "\($0.count) × \($0.kind)" }.joined(separator: ", "))
    }

    func resumed(update: Int, path: String) {
        Terminal.note("\(title): goes on after update \(update), from \(path)")
        record(.stage(StageRecord(stage: title, event: .resume, steps: update)))
    }

    func shared(_ shares: [TrainerShare]) { Terminal.note("\(title): experts learn on \(FleetText.shares(shares))") }

    func rolledBack(after lost: TrainerLost, to update: Int) {
        Terminal.note("\(title): \(lost); everyone goes back to update \(update)")
    }

    func saved(update: Int, path: String) {
        if !isTerminal { Terminal.note("\(title): saved after update \(update), to \(path)") }
    }

    func updated(_ report: StepReport) {
        record(
            .step(
                StepRecord(
                    stage: title, step: report.update, epoch: Double(report.update) / Double(max(1, report.updatesPerEpoch)),
                    loss: report.loss, rate: report.rate, gradientNorm: report.gradientNorm, tokens: report.rows,
                    seconds: report.seconds)))
        let line: String? = state.withLock { state in
            let now = ContinuousClock.now
            if state.began == nil { (state.began, state.firstUpdate) = (now, report.update) }
            state.rows += report.rows
            state.smoothedLoss = state.smoothedLoss.map { 0.95 * $0 + 0.05 * report.loss } ?? report.loss
            let isLast = report.update == report.updates
            let pause: Duration = isTerminal ? .milliseconds(200) : .seconds(10)
            guard isLast || state.lastDrawn.map({ $0.duration(to: now) >= pause }) ?? true else { return nil }
            state.lastDrawn = now
            let seconds = (state.began?.milliseconds(to: now) ?? 0) / 1000
            let made = report.update - state.firstUpdate
            let left = made > 0 ? seconds / Double(made) * Double(report.updates - report.update) : 0
            let rate = seconds > 0 ? Double(state.rows) / seconds : 0
            return String(
                format: "%d/%d  epoch %.2f  loss %.4f  %.0f tokens/s  %@", report.update, report.updates,
                Double(report.update) / Double(max(1, report.updatesPerEpoch)), state.smoothedLoss ?? report.loss, rate,
                isLast ? String(format: "%.0f s", seconds) : Self.time(left) + " left")
        }
        guard let line else { return }
        let label = title
        if isTerminal {
            let width = 24
            let filled = width * report.update / max(1, report.updates)
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
            let end = report.update == report.updates ? "\n" : ""
            Terminal.tell("\r\u{1B}[K\(label) \(bar) \(line)\(end)")
        } else {
            Terminal.note("\(label): \(line)")
        }
    }

    private static func time(_ seconds: Double) -> String {
        seconds < 90 ? String(format: "%.0f s", seconds) : seconds < 5400 ? String(format: "%.0f min", seconds / 60) : String(format: "%.1f h", seconds / 3600)
    }
}
