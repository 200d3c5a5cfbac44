import Foundation
import MedMoE

/// Puts questions to engines as a plan says, and measures.
///
/// Questions are dealt to the engines in turn. Nothing is asked again: that is for engines that do it themselves.
public struct LoadGenerator: Sendable {
    private let plan: LoadPlan
    private let mix: RequestMix
    private let engines: [any AnswerEngine]
    /// Unique among the requests of all loads.
    private let run = UUID().uuidString

    /// - Parameter engines: at least one.
    public init(plan: LoadPlan, mix: RequestMix, engines: [any AnswerEngine]) {
        self.plan = plan
        self.mix = mix
        self.engines = engines
    }

    /// Runs to the end, or until its task is cancelled: then the report is of what was.
    ///
    /// - Parameters:
    ///   - domains: names of experts, by index, for the report.
    ///   - atBoundary: called when the measured time begins and when it ends.
    ///   - progress: called every `interval` seconds, to show.
    public func callAsFunction(
        domains: [String] = [], interval: Double = 0.5, atBoundary: @escaping @Sendable (LoadBoundary) async -> Void = { _ in },
        progress: @escaping @Sendable (LoadProgress) -> Void = { _ in }
    ) async -> LoadReport {
        let recorder = LoadRecorder(LoadMeter(plan, coordinators: engines.count))
        let ended = await LoadStages(plan).run(recorder, interval: interval, atBoundary: atBoundary) {
            progress(recorder.with { $0.progress(at: recorder.now) })
        } requests: {
            await LoadSchedule(plan).run(recorder: recorder, mostUnderWay: plan.mostUnderWay) { number, intended in
                await ask(number, intended: intended, recorder)
            } leavingOut: { intended in
                recorder.with { $0.leftOut(intended: intended) }
            }
        }
        return recorder.with { $0.report(at: ended.time, endedEarly: ended.early, domains: domains) }
    }

    /// Whether it was answered, and when asking again makes sense if not.
    private func ask(_ number: Int, intended: Double?, _ recorder: LoadRecorder<LoadMeter>) async -> Duration? {
        let request = mix.request(number, id: "\(run)-\(number)")
        let sent = recorder.now
        var record = RequestRecord(number: number, intended: intended ?? sent, sent: sent, ended: sent, outcome: .abandoned)
        recorder.with { [record] in $0.began(intended: record.intended, sent: sent) }
        var pause: Duration?
        do {
            for try await event in engines[number % engines.count].answer(request) {
                switch event {
                case .token:
                    let now = recorder.now
                    record.tokens.append(now)
                    recorder.with { $0.sawToken(at: now) }
                case .done(let summary): record.outcome = .answered(RequestRecord.Answer(summary))
                }
            }
            if case .abandoned = record.outcome, !Task.isCancelled {
                record.outcome = .failed(kind: AnswerError.Code.protocolViolation.rawValue, reason: "the answer ended without its summary")
            }
        } catch {
            let known = LoadGenerator.kind(of: error)
            if !Task.isCancelled { record.outcome = .failed(kind: known.kind, reason: "\(error)") }
            pause = min(known.retryAfter ?? .milliseconds(100), .seconds(1))
        }
        record.ended = recorder.now
        recorder.with { [record] in $0.ended(record) }
        return pause
    }

    private static func kind(of error: any Error) -> (kind: String, retryAfter: Duration?) {
        switch error {
        case let error as AnswerError: (error.code.rawValue, error.retryAfter)
        case let error as DispatchError: (error.kind, nil)
        case is CancellationError: (AnswerError.Code.cancelled.rawValue, nil)
        default: (AnswerError.Code.internal.rawValue, nil)
        }
    }
}

/// The ends of the measured time.
public enum LoadBoundary: Sendable, Hashable { case begin, end }

extension RequestRecord.Answer {
    init(_ summary: AnswerSummary) {
        self.init(
            promptTokens: summary.promptTokens, queue: summary.timings.queue,
            rowsByExpert: summary.routing.reduce(into: [:]) { $0[$1.expert, default: 0] += $1.tokens },
            rowsByWorker: summary.routing.reduce(into: [:]) { $0[$1.worker, default: 0] += $1.tokens },
            isDegraded: summary.degraded)
    }
}

extension DispatchError {
    /// For reports, in the words of the client protocol.
    var kind: String {
        switch self {
        case .expertsLost, .uncovered: AnswerError.Code.expertsLost.rawValue
        case .deadline: AnswerError.Code.deadline.rawValue
        case .rejected: "rejected"
        case .overloaded: AnswerError.Code.overloaded.rawValue
        case .cancelled: AnswerError.Code.cancelled.rawValue
        }
    }
}
