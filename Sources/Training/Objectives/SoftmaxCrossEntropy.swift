import CKernels
import Foundation
import Tensors

/// Cross-entropy of the softmax of each row with the class that its label names:
/// `loss = Σ_r (log Σ_c exp(x_rc) − x_r,label) / divisor`.
///
/// Logarithms of sums are taken with the row's maximum out of the way and in double precision, so logits of any size are safe. Belongs to
/// the compute thread, as the rows do.
public enum SoftmaxCrossEntropy {
    /// The label of a row that does not count, as in the public code.
    public static let ignored = -100

    /// What a set of rows comes to.
    public struct Value: Sendable, Hashable {
        /// The sum over counted rows, divided by the divisor; in nats.
        public var loss: Double
        /// Rows whose label is not `ignored`.
        public var count: Int
    }

    /// The loss alone.
    ///
    /// - Parameters:
    ///   - logits: `[rows, classes]`.
    ///   - labels: a class or `ignored` for each row.
    ///   - divisor: what the sum is divided by; nil for the number of counted rows, which gives their mean. With no counted row the loss is 0.
    /// - Throws: `TensorError.mismatch` for another number of labels, or a label that is no class.
    public static func value(of logits: Rows, labels: [Int], divisor: Double? = nil) throws -> Value {
        let (count, divisor) = try check(logits, labels, divisor)
        var sum = 0.0
        for (row, label) in labels.enumerated() where label != ignored {
            sum += ck_log_sum_exp(logits.row(row), logits.width) - Double(logits.row(row)[label])
        }
        return Value(loss: count == 0 ? 0 : sum / divisor, count: count)
    }

    /// The loss, and its gradient in the place of the logits: `(softmax(x)_rc − [c = label]) / divisor`; zero in ignored rows.
    ///
    /// Parameters and errors are those of `value(of:labels:divisor:)`. Logits that are not finite give a loss that is not.
    public static func differentiate(_ logits: Rows, labels: [Int], divisor: Double? = nil) throws -> Value {
        let (count, divisor) = try check(logits, labels, divisor)
        var sum = 0.0
        for (row, label) in labels.enumerated() {
            let x = logits.row(row)
            guard label != ignored else {
                x.update(repeating: 0, count: logits.width)
                continue
            }
            let logSum = ck_log_sum_exp(x, logits.width)
            sum += logSum - Double(x[label])
            for column in 0..<logits.width {
                let share = exp(Double(x[column]) - logSum)
                x[column] = Float((column == label ? share - 1 : share) / divisor)
            }
        }
        return Value(loss: count == 0 ? 0 : sum / divisor, count: count)
    }

    private static func check(_ logits: Rows, _ labels: [Int], _ divisor: Double?) throws -> (count: Int, divisor: Double) {
        guard labels.count == logits.count else {
            throw TensorError.mismatch("there are \(labels.count) labels for \(logits.count) rows of logits")
        }
        if let (row, label) = labels.enumerated().first(where: { $0.element != ignored && !(0..<logits.width).contains($0.element) }) {
            throw TensorError.mismatch("label \(label) of row \(row) is no class: expected 0 to \(logits.width - 1), or \(ignored) to ignore the row")
        }
        let count = labels.count { $0 != ignored }
        let used = divisor ?? Double(max(1, count))
        guard used > 0, used.isFinite else { throw TensorError.mismatch("a loss cannot be divided by \(used): expected a number above 0") }
        return (count, used)
    }
}
