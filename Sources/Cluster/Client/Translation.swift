import MedMoE
import Wire

// Between the model's values and the wire's. Everything crosses.

extension Ask {
    /// The question as a message.
    public init(_ request: AnswerRequest) {
        let task: Task = switch request.task {
        case .conversation(let turns): .conversation(turns.map(Turn.init))
        case .prompt(let prompt): .prompt(prompt)
        case .classify(let turns, let labels): .classify(turns.map(Turn.init), labels: labels)
        }
        self.init(
            question: Question(
                request: request.id, task: task, temperature: request.sampling.temperature, topP: request.sampling.topP,
                topK: request.sampling.topK, seed: request.sampling.seed, maximumTokens: request.maximumTokens,
                stopStrings: request.stopStrings, deadlineMilliseconds: request.deadlineMilliseconds),
            images: ImageFiles(request.images))
    }
}

extension Ask.Turn {
    init(_ turn: AnswerRequest.Turn) { self.init(role: turn.role == .user ? .user : .assistant, text: turn.text) }
}

extension AnswerRequest {
    /// The question that a message asks; copies the images.
    public init(_ ask: Ask) {
        let question = ask.question
        let task: Task = switch question.task {
        case .conversation(let turns): .conversation(turns.map(Turn.init))
        case .prompt(let prompt): .prompt(prompt)
        case .classify(let turns, let labels): .classify(turns.map(Turn.init), labels: labels)
        }
        self.init(
            id: question.request, task: task, images: ask.images.read(),
            sampling: Sampling(
                temperature: question.temperature, topP: question.topP, topK: question.topK, seed: question.seed),
            maximumTokens: question.maximumTokens, stopStrings: question.stopStrings,
            deadlineMilliseconds: question.deadlineMilliseconds)
    }

    /// Whether another request would get the same answer. The time allowed does not matter: a retry has less.
    func isSame(as other: AnswerRequest) -> Bool {
        id == other.id && task == other.task && sampling == other.sampling && maximumTokens == other.maximumTokens
            && stopStrings == other.stopStrings && images == other.images
    }
}

extension AnswerRequest.Turn {
    init(_ turn: Ask.Turn) { self.init(turn.role == .user ? .user : .assistant, turn.text) }
}

extension Done {
    init(request: String, _ summary: AnswerSummary) {
        let finish: Finish = switch summary.finish {
        case .end: .end
        case .stop: .stop
        case .length: .length
        case .classified: .classified
        }
        self.init(
            request: request, answer: summary.answer, tokenIDs: summary.tokenIDs, promptTokens: summary.promptTokens,
            finish: finish, modelDigest: summary.modelDigest,
            routing: summary.routing.map {
                Routing(layer: $0.layer, expert: $0.expert, worker: $0.worker, tokens: $0.tokens)
            },
            timings: Timings(
                queue: summary.timings.queue, image: summary.timings.image, prefill: summary.timings.prefill,
                decode: summary.timings.decode),
            degraded: summary.degraded,
            labels: summary.labelLogProbabilities.map {
                Label(label: $0.label, logProbability: $0.logProbability, tokens: $0.tokens)
            })
    }
}

extension AnswerSummary {
    init(_ done: Done) {
        let finish: Finish = switch done.finish {
        case .end: .end
        case .stop: .stop
        case .length: .length
        case .classified: .classified
        }
        self.init(
            answer: done.answer, tokenIDs: done.tokenIDs, promptTokens: done.promptTokens, finish: finish,
            modelDigest: done.modelDigest,
            routing: done.routing.map {
                RoutingEntry(layer: $0.layer, expert: $0.expert, worker: $0.worker, tokens: $0.tokens)
            },
            timings: Timings(
                queue: done.timings.queue, image: done.timings.image, prefill: done.timings.prefill,
                decode: done.timings.decode),
            degraded: done.degraded,
            labelLogProbabilities: done.labels.map {
                LabelScore(label: $0.label, logProbability: $0.logProbability, tokens: $0.tokens)
            })
    }
}

extension AnswerError {
    /// A refusal as it came over the wire; a code that this side does not know stays readable in the reason.
    init(_ refusal: Refusal) {
        if let code = Code(rawValue: refusal.code) {
            self.init(code, refusal.reason, retryAfter: refusal.retryAfterMilliseconds.map { .milliseconds($0) })
        } else {
            self.init(.internal, "\(refusal.code): \(refusal.reason)")
        }
    }

    /// Whatever an engine threw.
    init(anything error: any Error) {
        switch error {
        case let error as AnswerError: self = error
        case let error as DispatchError:
            let code: Code = switch error {
            case .expertsLost, .uncovered: .expertsLost
            case .deadline: .deadline
            case .rejected: .internal
            case .cancelled: .cancelled
            case .overloaded: .overloaded
            }
            self.init(code, error.description)
        case is CancellationError: self.init(.cancelled, "the request was cancelled")
        default: self.init(.internal, "\(error)")
        }
    }

    /// A request that does not fit a message.
    init(unsendable error: WireError) {
        self.init(.invalidRequest, "the request cannot be sent: \(error)")
    }
}
