import CKernels
import MedMoE
import Tensors

/// What the gate decided for the rows of a training batch, and the gradients of its decision.
///
/// `g = softmax(z)`; top-1 has the factor g of the chosen expert, top-2 both renormalised to sum 1. With a residual
/// coefficient `(c0, c1) = softmax(W_c h + b_c)` the factors are multiplied by c0, and c1 is added to the always-on module's.
struct MixtureRouting {
    /// Per row the chosen experts, best first.
    private(set) var experts: [[Int]] = []
    /// Per row and choice the factor of the expert's output.
    private(set) var factors: [[Float]] = []
    /// Per row the factor of the always-on module.
    private(set) var alwaysOnFactors: [Float] = []
    /// softmax(z), `[rows, experts]`.
    private let probabilities: Rows
    /// (c0, c1), `[rows, 2]`; nil without a residual.
    private let coefficients: Rows?

    /// - Parameters:
    ///   - logits: z, `[rows, experts]`; becomes softmax(z).
    ///   - coefficients: `W_c h + b_c`, `[rows, 2]`; becomes its softmax.
    init(logits: Rows, coefficients: Rows?, topK: Int, hasMeta: Bool) {
        probabilities = logits
        self.coefficients = coefficients
        for row in 0..<logits.count {
            let z = UnsafeBufferPointer(start: logits.row(row), count: logits.width)
            let best = GateChoice.largest(z, except: nil)
            let second = topK == 2 ? GateChoice.largest(z, except: best) : nil
            Self.softmax(logits.row(row), count: logits.width)
            let g = logits.row(row)
            var factors: [Float] = [g[best]]
            if let second {
                let sum = g[best] + g[second]
                factors = [g[best] / sum, g[second] / sum]
            }
            var always: Float = hasMeta ? 1 : 0
            if let coefficients {
                let c = coefficients.row(row)
                Self.softmax(c, count: 2)
                factors = factors.map { $0 * c[0] }
                always += c[1]
            }
            experts.append([best] + (second.map { [$0] } ?? []))
            self.factors.append(factors)
            alwaysOnFactors.append(always)
        }
    }

    /// The rows of each chosen expert: first choices in the order of the rows, then second ones.
    var assignments: [(expert: Int, rows: [(row: Int, choice: Int)])] {
        var lists: [Int: [(row: Int, choice: Int)]] = [:]
        for choice in 0..<(experts.first?.count ?? 0) {
            for (row, chosen) in experts.enumerated() { lists[chosen[choice], default: []].append((row, choice)) }
        }
        return lists.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The gradients of z and of the coefficient's logits.
    ///
    /// - Parameters:
    ///   - dots: per row and choice ⟨factor · dY, E(h)⟩.
    ///   - alwaysOn: per row ⟨dY, M(h)⟩; used with a residual only.
    func gradients(dots: [[Float]], alwaysOn: [Float]) -> (logits: Rows, coefficients: Rows?) {
        let dz = Rows(count: probabilities.count, width: probabilities.width)
        dz.buffer.update(repeating: 0)
        let dc = coefficients.map { Rows(count: $0.count, width: 2) }
        for row in 0..<dz.count {
            let dot = dots[row]
            if experts[row].count == 1 {
                // dg_e · g_e is the dot product, so no division by a factor is needed.
                let g = probabilities.row(row)
                for expert in 0..<dz.width { dz.row(row)[expert] = -g[expert] * dot[0] }
                dz.row(row)[experts[row][0]] += dot[0]
            } else {
                let sum = factors[row][0] + factors[row][1]
                let first = sum > 0 ? factors[row][0] / sum : 0.5
                let change = (1 - first) * dot[0] - first * dot[1]
                dz.row(row)[experts[row][0]] = change
                dz.row(row)[experts[row][1]] = -change
            }
            if let dc, let c = coefficients?.row(row) {
                let mixture = dot.reduce(0, +)
                let residual = c[1] * alwaysOn[row]
                dc.row(row)[0] = mixture - c[0] * (mixture + residual)
                dc.row(row)[1] = residual - c[1] * (mixture + residual)
            }
        }
        return (dz, dc)
    }

    /// Puts the softmax of some numbers in their place.
    private static func softmax(_ values: UnsafeMutablePointer<Float>, count: Int) {
        let powers = GateChoice.softmax(UnsafeBufferPointer(start: values, count: count))
        for (index, power) in powers.enumerated() { values[index] = power }
    }
}

/// Dot products of the rows of two matrices.
func rowDots(_ a: Rows, _ b: Rows, _ context: TrainingContext) -> [Float] {
    let dots = Rows(count: 1, width: a.count)
    context.forEachBlock(rows: a.count, width: a.width) { rows in
        ck_row_dots(a.row(rows.lowerBound), b.row(rows.lowerBound), rows.count, a.width, dots.pointer + rows.lowerBound)
    }
    return dots.values
}
