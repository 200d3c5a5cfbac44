import Foundation
import Tensors
import Testing
import Training

@Suite struct SoftmaxObjectiveTests {
    private static func rows(_ values: [[Float]]) -> Rows {
        let rows = Rows(count: values.count, width: values.first?.count ?? 1)
        for (index, value) in values.joined().enumerated() { rows.pointer[index] = value }
        return rows
    }

    @Test func theLossIsTheMeanOverRowsThatCount() throws {
        let logits = Self.rows([[0, 0, 0, 0], [3, 1, 2, 0], [9, 9, 9, 9]])
        let value = try SoftmaxCrossEntropy.value(of: logits, labels: [2, 0, SoftmaxCrossEntropy.ignored])
        let second = log(exp(3.0) + exp(1) + exp(2) + 1) - 3
        #expect(value.count == 2 && abs(value.loss - (log(4) + second) / 2) < 1e-12)
        let byTen = try SoftmaxCrossEntropy.value(of: logits, labels: [2, 0, -100], divisor: 10)
        #expect(abs(byTen.loss - (log(4) + second) / 10) < 1e-12)
    }

    @Test func theGradientIsTheSlopeOfTheLoss() throws {
        var numbers = SeededNumbers(seed: 1)
        let logits = Rows(count: 5, width: 7)
        for index in 0..<logits.elementCount { logits.pointer[index] = Float(4 * numbers.next()) }
        let labels = [3, -100, 0, 6, 6]
        for divisor in [nil, 11.0] {
            let gradient = logits.slice(0..<5)
            let value = try SoftmaxCrossEntropy.differentiate(gradient, labels: labels, divisor: divisor)
            #expect(value == (try SoftmaxCrossEntropy.value(of: logits, labels: labels, divisor: divisor)) && value.count == 4)
            for index in 0..<logits.elementCount {
                let original = logits.pointer[index]
                func loss(_ shift: Float) throws -> (Double, Double) {
                    logits.pointer[index] = original + shift
                    return (try SoftmaxCrossEntropy.value(of: logits, labels: labels, divisor: divisor).loss, Double(logits.pointer[index]))
                }
                let (high, low) = (try loss(1e-2), try loss(-1e-2))
                logits.pointer[index] = original
                let slope = (high.0 - low.0) / (high.1 - low.1)
                #expect(abs(slope - Double(gradient.pointer[index])) < 1e-5, "\(index): \(slope), not \(gradient.pointer[index])")
            }
            #expect(Array(gradient.values[7..<14]).allSatisfy { $0 == 0 }, "an ignored row has no gradient")
        }
    }

    @Test func enormousLogitsAreSafe() throws {
        let logits = Self.rows([[3e38, -3e38, 0], [1e4, 1e4, 1e4], [-3e38, -3e38, 3e38]])
        let value = try SoftmaxCrossEntropy.differentiate(logits, labels: [0, 1, 2])
        #expect(abs(value.loss - log(3) / 3) < 1e-9)
        let expected: [Float] = [0, 0, 0, 1 / 9, -2 / 9, 1 / 9, 0, 0, 0]
        for (found, wanted) in zip(logits.values, expected) { #expect(abs(found - wanted) < 1e-7) }
    }

    @Test func logitsThatAreNoNumbersGiveALossThatIsNone() throws {
        #expect(try SoftmaxCrossEntropy.value(of: Self.rows([[0, .nan, 1]]), labels: [0]).loss.isNaN)
        #expect(try SoftmaxCrossEntropy.differentiate(Self.rows([[0, .nan, 1]]), labels: [0]).loss.isNaN)
    }

    @Test func withoutARowThatCountsTheLossAndTheGradientAreZero() throws {
        let logits = Self.rows([[1, 2], [3, 4]])
        let value = try SoftmaxCrossEntropy.differentiate(logits, labels: [-100, -100])
        #expect(value.loss == 0 && value.count == 0 && logits.values == [0, 0, 0, 0])
    }

    @Test(arguments: [([0], nil), ([0, 2], nil), ([0, -1], nil), ([0, 1], 0), ([0, 1], Double.nan)] as [([Int], Double?)])
    func labelsThatAreNoClassesAreRefused(labels: [Int], divisor: Double?) {
        let logits = Self.rows([[1, 2], [3, 4]])
        #expect(throws: TensorError.self) { try SoftmaxCrossEntropy.differentiate(logits, labels: labels, divisor: divisor) }
        #expect(logits.values == [1, 2, 3, 4], "nothing was changed")
    }
}
