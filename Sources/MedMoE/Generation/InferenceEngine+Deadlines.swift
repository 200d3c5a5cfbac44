extension InferenceEngine {
    /// A step ends at the deadline of its requests by itself, with an error that names the experts; this much later it is
    /// given up.
    private static var grace: Duration { .milliseconds(250) }

    /// Drops whoever gave up and ends whoever is out of time, wherever they are.
    ///
    /// A request in a step under way is not taken out of it: the step is given up, and the others try it again.
    func sweep() {
        let now = clock.now
        func isOver(_ request: RunningRequest) -> Bool {
            if request.handle.isCancelled { return true }
            guard request.deadline <= now else { return false }
            request.continuation.finish(throwing: outOfTime(request))
            return true
        }
        waiting.removeAll(where: isOver)
        for lane in lanes {
            lane.removeIdle(isOver)
            guard let step = lane.step else { continue }
            if step.requests.contains(where: { $0.handle.isCancelled || $0.deadline.advanced(by: Self.grace) <= now }) {
                step.work.cancel()
            }
        }
        armTimer()
    }

    private func outOfTime(_ request: RunningRequest) -> AnswerError {
        switch request.trouble {
        case .overloaded(let reason)?:
            AnswerError(
                .overloaded, "the workers have too much to do: \(reason)",
                retryAfter: finishRate.retryAfter(waiting: waiting.count, now: clock.now))
        case let trouble?: AnswerError(describing: trouble)
        case nil:
            AnswerError(.deadline, "the deadline of \(request.request.deadlineMilliseconds) ms passed: allow more time")
        }
    }

    /// Makes sure that `sweep` runs when the next deadline passes, even if every step waits for experts until then.
    func armTimer() {
        var next = waiting.map(\.deadline).min()
        func consider(_ moment: ContinuousClock.Instant) { next = next.map { min($0, moment) } ?? moment }
        for lane in lanes {
            // A step that is given up ends by itself; waking again for it would only spin.
            guard lane.step?.work.isCancelled != true else { continue }
            for request in lane.requests {
                consider(lane.isComputing(request) ? request.deadline.advanced(by: Self.grace) : request.deadline)
            }
        }
        guard let next else {
            timer?.task.cancel()
            timer = nil
            return
        }
        // An alarm that comes too early only looks and sets the next one.
        if let timer, timer.wakes <= next { return }
        timer?.task.cancel()
        timer = (next, Task { [weak self, clock] in
            guard (try? await clock.sleep(until: next)) != nil else { return }
            await self?.alarm()
        })
    }

    private func alarm() {
        timer = nil
        sweep()
        wake()
    }
}
