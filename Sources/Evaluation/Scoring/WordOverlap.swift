/// How many words of prediction and reference agree, on counts of words.
///
/// With counts c of the prediction and r of the reference: tp = Σ c over words in both, fp = Σ c over words not in r, fn = Σ r over words not
/// in c. As in the public evaluation, a word that is in both counts as often as the prediction says it.
public struct WordOverlap: Sendable, Hashable {
    /// |words in both| / Σ c, from 0 to 1; 0 when the prediction has no words.
    public let exactMatch: Double
    /// tp / (tp + fp); 0 when tp = 0, like the others below.
    public let precision: Double
    /// tp / (tp + fn): the open score of the paper.
    public let recall: Double
    /// 2 · precision · recall / (precision + recall).
    public let f1: Double

    /// Compares two normalised texts.
    public init(prediction: String, reference: String) {
        let predicted = Self.counts(prediction)
        let expected = Self.counts(reference)
        let total = predicted.values.reduce(0, +)
        exactMatch = total == 0 ? 0 : Double(expected.keys.count { predicted[$0] != nil }) / Double(total)
        let truePositives = expected.keys.reduce(0) { $0 + (predicted[$1] ?? 0) }
        guard truePositives > 0 else {
            (precision, recall, f1) = (0, 0, 0)
            return
        }
        let falseNegatives = expected.reduce(0) { $0 + (predicted[$1.key] == nil ? $1.value : 0) }
        precision = Double(truePositives) / Double(total)
        recall = Double(truePositives) / Double(truePositives + falseNegatives)
        f1 = 2 * precision * recall / (precision + recall)
    }

    private static func counts(_ text: String) -> [[UInt8]: Int] {
        // By bytes: Swift's own comparison takes canonically equivalent words for the same.
        PythonStrings.words(PythonStrings.lower(text)).reduce(into: [:]) { $0[Array($1.utf8), default: 0] += 1 }
    }
}
