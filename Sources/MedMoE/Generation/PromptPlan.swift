import Language

/// A request's text side, tokenised.
struct PromptPlan {
    let segments: [PromptSegment]
    /// Set for classification: each label's tokens, the end token included.
    let labels: [(text: String, tokens: [Int])]?
}

extension MedMoEModel {
    /// Tokenises a request.
    ///
    /// - Throws: `AnswerError` with `.invalidRequest` when the conversation makes no prompt.
    func promptPlan(for request: AnswerRequest) throws -> PromptPlan {
        let encoder = PromptEncoder(tokenizer: tokenizer)
        let count = request.images.count
        do {
            switch request.task {
            case .conversation(let turns):
                return PromptPlan(
                    segments: try encoder.segments(of: turns.map { ConversationTurn($0) }, template: template, imageCount: count),
                    labels: nil)
            case .prompt(let text):
                return PromptPlan(segments: try encoder.segments(ofPrompt: text, imageCount: count), labels: nil)
            case .classify(let turns, let labels):
                let segments = try encoder.segments(of: turns.map { ConversationTurn($0) }, template: template, imageCount: count)
                return PromptPlan(segments: segments, labels: try labels.map { ($0, try labelTokens($0)) })
            }
        } catch let error as PromptError {
            throw AnswerError(.invalidRequest, error.description)
        }
    }

    /// The tokens of ` label<|endoftext|>`.
    private func labelTokens(_ label: String) throws -> [Int] {
        let tokens = tokenizer.encode(" " + label, recognizing: .none)
        guard !label.isEmpty, !tokens.isEmpty else { throw AnswerError(.invalidRequest, "a label is empty: give every label a name") }
        return tokens + [configuration.endTokenID]
    }
}

extension ConversationTurn {
    init(_ turn: AnswerRequest.Turn) {
        self.init(turn.role == .user ? .user : .assistant, turn.text)
    }
}
