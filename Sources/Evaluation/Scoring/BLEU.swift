import Foundation

/// BLEU with all weight on one n-gram order, of one prediction against one reference (Papineni et al. 2002).
///
/// Precision of the n-grams clipped by the reference's counts, times the brevity penalty exp(1 − r/c) when c ≤ r. A precision of 0 becomes
/// 0.1 / count (smoothing method 1 of Chen & Cherry 2014), but nothing in common at all is 0. Same operations in the same order as the public
/// evaluation's library, so that the last digit agrees.
public enum BLEU {
    /// What an n-gram that does not occur counts for.
    private static let epsilon = 0.1

    /// - Parameter order: words of an n-gram, at least 1.
    /// - Returns: 0 to 1. The texts are split at blanks, nothing else is done to them.
    public static func score(prediction: String, reference: String, order: Int) -> Double {
        let predicted = PythonStrings.words(prediction).map { Array($0.utf8) }
        let expected = PythonStrings.words(reference).map { Array($0.utf8) }
        guard matches(predicted, expected, order: 1) > 0 else { return 0 }
        let found = matches(predicted, expected, order: order)
        let total = max(1, predicted.count - order + 1)
        let precision = (found == 0 ? epsilon : Double(found)) / Double(total)
        let penalty = predicted.count > expected.count ? 1 : exp(1 - Double(expected.count) / Double(predicted.count))
        return penalty * exp(log(precision))
    }

    /// n-grams of the prediction that the reference has too, each at most as often as there.
    private static func matches(_ predicted: [[UInt8]], _ expected: [[UInt8]], order: Int) -> Int {
        let known = counts(expected, order: order)
        return counts(predicted, order: order).reduce(0) { $0 + min($1.value, known[$1.key] ?? 0) }
    }

    private static func counts(_ words: [[UInt8]], order: Int) -> [[[UInt8]]: Int] {
        guard order >= 1, words.count >= order else { return [:] }
        return (0...(words.count - order)).reduce(into: [:]) { $0[Array(words[$1..<($1 + order)]), default: 0] += 1 }
    }
}
