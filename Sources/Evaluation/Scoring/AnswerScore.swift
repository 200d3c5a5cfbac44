import Datasets

/// What one prediction is worth, exactly as the public evaluation computes it.
///
/// Predictions are scored as our tokenizer decodes them, without blanks around them. The public script lets its library tidy up the blanks
/// before punctuation while decoding, which for tokenizers that have that switch on can change the BLEU of an answer with punctuation.
public struct AnswerScore: Sendable, Hashable {
    /// n-gram orders of BLEU.
    public static let bleuOrders = 1...3

    /// Whether the lower-cased reference is a substring of the lower-cased prediction: the score of a closed question.
    public let closedCorrect: Bool
    /// On the normalised texts: the scores of an open question.
    public let overlap: WordOverlap
    /// BLEU-1 to BLEU-3 on the lower-cased texts.
    public let bleu: [Double]

    /// Scores a pair, whatever its answer type.
    public init(reference: String, prediction: String) {
        let reference = PythonStrings.lower(reference)
        let prediction = PythonStrings.lower(prediction)
        closedCorrect = PythonStrings.contains(prediction, reference)
        overlap = WordOverlap(
            prediction: AnswerNormalisation.normalised(prediction), reference: AnswerNormalisation.normalised(reference))
        bleu = Self.bleuOrders.map { BLEU.score(prediction: prediction, reference: reference, order: $0) }
    }

    public init(_ pair: AnswerPair) { self.init(reference: pair.reference, prediction: pair.prediction) }
}
