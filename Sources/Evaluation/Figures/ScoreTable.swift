/// The scores of a group of answers: closed questions have one score, open questions the others.
public struct ScoreTable: Sendable, Hashable, Codable {
    /// Closed questions whose reference is a substring of the prediction; nil without closed questions.
    public var closedAccuracy: Estimate?
    /// The open score of the paper; nil without open questions, like those below.
    public var openRecall: Estimate?
    public var openPrecision: Estimate?
    public var openF1: Estimate?
    public var openExactMatch: Estimate?
    public var bleu1: Estimate?
    public var bleu2: Estimate?
    public var bleu3: Estimate?

    enum CodingKeys: String, CodingKey {
        case closedAccuracy = "closed_accuracy"
        case openRecall = "open_recall"
        case openPrecision = "open_precision"
        case openF1 = "open_f1"
        case openExactMatch = "open_exact_match"
        case bleu1 = "bleu_1"
        case bleu2 = "bleu_2"
        case bleu3 = "bleu_3"
    }

    /// Closed and open questions together.
    public var questions: Int { (closedAccuracy?.n ?? 0) + (openRecall?.n ?? 0) }

    public init(_ answers: [ScoredAnswer], bootstrap: Bootstrap) {
        let open = answers.filter { $0.answerType == .open }.map(\.score)
        closedAccuracy = bootstrap.mean(answers.filter { $0.answerType == .closed }.map { $0.score.closedCorrect ? 1 : 0 })
        openRecall = bootstrap.mean(open.map(\.overlap.recall))
        openPrecision = bootstrap.mean(open.map(\.overlap.precision))
        openF1 = bootstrap.mean(open.map(\.overlap.f1))
        openExactMatch = bootstrap.mean(open.map(\.overlap.exactMatch))
        bleu1 = bootstrap.mean(open.map { $0.bleu[0] })
        bleu2 = bootstrap.mean(open.map { $0.bleu[1] })
        bleu3 = bootstrap.mean(open.map { $0.bleu[2] })
    }
}
