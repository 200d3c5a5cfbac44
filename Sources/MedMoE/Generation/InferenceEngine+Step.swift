import Language
import Tensors

extension InferenceEngine {
    /// Computes one step of a lane.
    ///
    /// - Returns: whether its requests moved on.
    func step(_ lane: Lane) async -> Bool {
        let requests = lane.requests
        let needs = requests.compactMap(\.need)
        guard needs.count == requests.count else { return false }
        let plan = StepPlan(needs: needs, budget: options.rowsPerStep)
        let batch: StepBatch
        do {
            batch = try StepBatch(plan.items.map { (request: requests[$0.request], need: $0.need) }, model: model)
        } catch {
            for request in requests { end(request, in: lane, throwing: AnswerError(describing: error)) }
            return false
        }
        let work = Task { try await self.compute(batch, in: lane) }
        lane.step = (batch.shares.map(\.request), work)
        // The alarm knows now which requests it may end and for which it has to give up a step.
        armTimer()
        let outcome = await work.result
        lane.step = nil
        switch outcome {
        case .success:
            lane.pauses = 0
            return true
        case .failure(let error):
            // Given up by us: whoever was the reason goes with the next sweep, and the others try again.
            if work.isCancelled, error is CancellationError || error as? DispatchError == .cancelled { return false }
            await settle(batch, of: lane, after: error)
            return false
        }
    }

    private func compute(_ batch: StepBatch, in lane: Lane) async throws {
        let machinery = try ready()
        var routed: [RoutedTile] = []
        let pass = ForwardPass(
            segments: batch.segments, context: machinery.context, dispatch: machinery.dispatch,
            deadline: batch.deadline ?? clock.now, whenUncovered: lane.kind == .ordinary ? .report : .wait, observer: nil,
            routed: { routed.append($0) })
        let hidden = try await model.backbone(batch.input, pass)
        let logits = try batch.logitRows.isEmpty
            ? nil : model.backbone.logits(Rows(hidden.gathered(batch.logitRows)), machinery.context)
        // Everything succeeded: only now do the requests move on.
        batch.count(routed)
        for share in batch.shares {
            share.request.trouble = nil
            share.request.cache?.advance(by: share.advance)
            guard let logits, let place = share.firstLogitRow else { continue }
            let rows = (place..<place + share.logitRowCount).map {
                UnsafeBufferPointer(start: logits.row($0), count: logits.width)
            }
            if let logitsObserver { for row in rows { logitsObserver(share.request.request.id, row) } }
            do {
                if let finish = try advance(share.request, need: share.need, rows: rows) {
                    let summary = share.request.summary(finish, modelDigest: model.digest, now: clock.now)
                    share.request.continuation.yield(.done(summary))
                    end(share.request, in: lane)
                }
            } catch {
                end(share.request, in: lane, throwing: error)
            }
        }
        withExtendedLifetime(logits) {}
    }

    /// Gives a request its logits; returns why it ended, if it did.
    private func advance(
        _ request: RunningRequest, need: StepPlan.Need, rows: [UnsafeBufferPointer<Float>]
    ) throws -> AnswerSummary.Finish? {
        switch (need, request.goal) {
        case (.label, _): return request.scoreLabel(rows: rows) ? .classified : nil
        case (_, .classify):
            request.scoreFirstTokens(logits: rows[0], now: clock.now)
            return nil
        case (_, .generate):
            let endToken = options.ignoresEndToken ? nil : model.configuration.endTokenID
            return try request.take(logits: rows[0], endToken: endToken, now: clock.now)
        }
    }

    /// After a failed step: those whom it concerns end, wait by themselves, or all pause; everybody else tries again.
    private func settle(_ batch: StepBatch, of lane: Lane, after error: any Error) async {
        let members = batch.shares.map {
            StepVerdict.Member(rows: $0.firstRow..<$0.firstRow + $0.rowCount, deadline: $0.request.deadline)
        }
        let requests = batch.shares.map(\.request)
        switch StepVerdict(error, members: members, mayPark: lane.kind == .ordinary, now: clock.now) {
        case .park(let indices):
            let cause = (error as? TilesFailed)?.cause ?? .uncovered([])
            park(indices.map { requests[$0] }, from: lane, because: cause)
        case .fail(let indices):
            for index in indices { end(requests[index], in: lane, throwing: AnswerError(describing: error)) }
        case .pause:
            let cause = (error as? TilesFailed)?.cause ?? error as? DispatchError
            for request in requests { request.trouble = cause }
            let pause = lane.pause
            lane.pauses += 1
            // Whoever's time ends meanwhile is ended by the timer.
            armTimer()
            try? await clock.sleep(for: pause)
        }
    }
}

extension AnswerError {
    /// The error that an asker sees for whatever went wrong inside.
    init(describing error: any Error) {
        switch error {
        case let error as AnswerError: self = error
        case let error as TilesFailed: self.init(describing: error.cause)
        case let error as DispatchError:
            switch error {
            case .expertsLost, .uncovered: self.init(.expertsLost, error.description)
            case .overloaded: self.init(.overloaded, error.description)
            case .deadline: self.init(.deadline, error.description)
            case .cancelled: self.init(.unavailable, error.description)
            case .rejected: self.init(.internal, error.description)
            }
        default: self.init(.internal, "\(error)")
        }
    }
}
