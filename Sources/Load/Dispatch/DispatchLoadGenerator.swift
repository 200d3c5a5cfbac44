import MedMoE

/// Sends tiles straight to workers, without a model, as a plan says, and measures: a ticket is one tile.
public struct DispatchLoadGenerator: Sendable {
    private let plan: LoadPlan
    private let mix: TileMix
    private let rows: Int
    private let width: Int
    private let dispatch: any ExpertDispatch
    private let deadline: Duration

    /// - Parameters:
    ///   - rows: of the mix's tiles.
    ///   - width: hidden size D.
    ///   - deadline: of each ticket.
    public init(plan: LoadPlan, mix: TileMix, rows: Int, width: Int, dispatch: any ExpertDispatch, deadline: Duration) {
        self.plan = plan
        self.mix = mix
        self.rows = rows
        self.width = width
        self.dispatch = dispatch
        self.deadline = deadline
    }

    /// Runs to the end, or until its task is cancelled: then the report is of what was.
    ///
    /// - Parameters:
    ///   - domains: names of experts, by index, for the report.
    ///   - atBoundary: called when the measured time begins and when it ends.
    ///   - progress: called every `interval` seconds, to show.
    public func callAsFunction(
        domains: [String] = [], interval: Double = 0.5, atBoundary: @escaping @Sendable (LoadBoundary) async -> Void = { _ in },
        progress: @escaping @Sendable (DispatchProgress) -> Void = { _ in }
    ) async -> DispatchRun {
        let recorder = LoadRecorder(TileMeter(plan, rows: rows, width: width))
        let ended = await LoadStages(plan).run(recorder, interval: interval, atBoundary: atBoundary) {
            progress(recorder.with { $0.progress(at: recorder.now) })
        } requests: {
            await LoadSchedule(plan).run(recorder: recorder, mostUnderWay: plan.mostUnderWay) { number, intended in
                await send(number, intended: intended, recorder)
            } leavingOut: { intended in
                recorder.with { $0.leftOut(intended: intended) }
            }
        }
        return recorder.with { $0.run(at: ended.time, endedEarly: ended.early, domains: domains) }
    }

    private func send(_ number: Int, intended: Double?, _ recorder: LoadRecorder<TileMeter>) async -> Duration? {
        let tile = mix.tile(number)
        let sent = recorder.now
        recorder.with { $0.began() }
        let outcome: Result<[TileResult.Share], DispatchError>
        do {
            let ticket = dispatch.submit([tile], deadline: .now + deadline)
            outcome = .success(try await ticket.results().flatMap(\.shares))
        } catch let error as DispatchError {
            outcome = .failure(error)
        } catch {
            outcome = .failure(.rejected("\(error)"))
        }
        let record = TileRecord(
            intended: intended ?? sent, sent: sent, ended: recorder.now, expert: tile.address.expert, rows: tile.rowCount, outcome: outcome)
        let isCancelled = Task.isCancelled
        recorder.with { $0.ended(record, isCancelled: isCancelled) }
        if case .failure = outcome { return .milliseconds(100) }
        return nil
    }
}
