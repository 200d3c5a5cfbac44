import Tensors

extension InferenceEngine {
    func accept(_ request: AnswerRequest, _ handle: AskHandle, _ continuation: RunningRequest.Continuation) {
        guard !handle.isCancelled else { return }
        do {
            // Places are given out by the next step: until then even those that will run wait here.
            guard waiting.count < options.maximumWaiting + max(0, freePlaces) else { throw overloaded() }
            waiting.append(
                try RunningRequest(
                    request: request, handle: handle, continuation: continuation, tokenizer: model.tokenizer, now: clock.now))
        } catch {
            continuation.finish(throwing: error)
            return
        }
        armTimer()
        wake()
    }

    private func overloaded() -> AnswerError {
        let pause = finishRate.retryAfter(waiting: waiting.count, now: clock.now)
        return AnswerError(.overloaded, "\(waiting.count) requests wait already: try again later", retryAfter: pause)
    }

    /// Requests that may still be admitted. Stalled requests keep nobody out until they are as many as may run at all.
    private var freePlaces: Int {
        let stalled = stalledLanes.reduce(0) { $0 + $1.requests.count }
        return options.maximumRunning + min(stalled, options.maximumRunning) - running.count
    }

    var mayAdmit: Bool { !waiting.isEmpty && freePlaces > 0 }

    /// Takes in one request per step: encoding an image takes a while, and the others' decoding goes on in between.
    func admitOne() {
        guard mayAdmit, let lane = emptiestLane else { return }
        let request = waiting.removeFirst()
        do {
            request.admit(at: clock.now)
            try prepare(request)
            admissions += 1
            request.sequence = admissions
            lane.join(request)
            wake()
        } catch {
            request.continuation.finish(throwing: error)
        }
    }

    private func prepare(_ running: RunningRequest) throws {
        let context = try ready().context
        let request = running.request
        let plan = try model.promptPlan(for: request)
        var trace = ImageTrace()
        let images = try request.images.enumerated().map { index, file in
            try model.encodeImage(file, named: "image \(index + 1)", context, trace: &trace)
        }
        let prompt = try model.embed(plan.segments, images: images)
        let room = model.configuration.contextLength - prompt.rows.count
        let limit: Int
        let goal: RunningRequest.Goal
        if let labels = plan.labels {
            limit = labels.map(\.tokens.count).max() ?? 1
            goal = .classify(labels: labels, found: [])
            guard limit - 1 <= room else {
                throw AnswerError(.contextLength, "the prompt has \(prompt.rows.count) tokens and the longest label \(limit); the model's context is \(model.configuration.contextLength)")
            }
        } else {
            guard request.maximumTokens > 0 else {
                throw AnswerError(.invalidRequest, "the most tokens to generate is \(request.maximumTokens); it must be at least 1")
            }
            limit = min(request.maximumTokens, room)
            goal = .generate
        }
        let cache = try model.backbone.makeCache(positions: prompt.rows.count + limit)
        running.begin(prompt: prompt, cache: cache, goal: goal, tokenLimit: limit, at: clock.now)
    }
}
