import CKernels
import Foundation
import Testing

@testable import Tensors

/// Each kernel against the same formula in double precision.
@Suite struct KernelTests {
    private func expectClose(_ found: [Float], _ expected: [Double], _ tolerance: Double, sourceLocation: SourceLocation = #_sourceLocation) {
        for (index, (a, b)) in zip(found, expected).enumerated() {
            #expect(abs(Double(a) - b) <= tolerance * max(1, abs(b)), "element \(index)", sourceLocation: sourceLocation)
        }
    }

    @Test func activationsFollowTheirFormulas() {
        var random = SeededRandom(seed: 1)
        let x = random.floats(1003, in: -12...12) + [0, -0, 100, -100, 3e38, -3e38]
        let up = random.floats(x.count)
        var silu = x
        ck_silu_multiply(&silu, up, x.count)
        expectClose(silu, zip(x, up).map { Double($0) / (1 + exp(-Double($0))) * Double($1) }, 1e-6)
        var quick = x
        ck_quick_gelu(&quick, x.count)
        expectClose(quick, x.map { Double($0) / (1 + exp(-1.702 * Double($0))) }, 1e-6)
        var tanhGelu = x
        ck_tanh_gelu(&tanhGelu, x.count)
        expectClose(tanhGelu, x.map { let v = Double($0); return 0.5 * v * (1 + tanh((2 / .pi).squareRoot() * (v + 0.044715 * v * v * v))) }, 1e-6)
        var erfGelu = x
        ck_erf_gelu(&erfGelu, x.count)
        expectClose(erfGelu, x.map { 0.5 * Double($0) * (1 + erf(Double($0) / 2.0.squareRoot())) }, 1e-6)
    }

    @Test func notANumberStaysNotANumber() {
        var x = [Float](repeating: .nan, count: 5)
        ck_quick_gelu(&x, x.count)
        #expect(x.allSatisfy { $0.isNaN })
        #expect(ck_all_finite([1, 2, .infinity], 3) == 0)
        #expect(ck_all_finite([1, .nan, 2], 3) == 0)
        #expect(ck_all_finite([1, -3e38, 2], 3) == 1)
    }

    @Test(arguments: [1, 15, 16, 48, 67, 192])
    func layerNormHasZeroMeanAndUnitVarianceBeforeWeightAndBias(width: Int) {
        var random = SeededRandom(seed: UInt64(width))
        let x = random.floats(3 * width, in: -5...9)
        let weight = random.floats(width)
        let bias = random.floats(width)
        var y = [Float](repeating: 0, count: x.count)
        ck_layer_norm(x, weight, bias, 1e-5, &y, 3, width)
        for row in 0..<3 {
            let v = x[row * width..<(row + 1) * width].map(Double.init)
            let mean = v.reduce(0, +) / Double(width)
            let variance = v.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
            let expected = v.indices.map { (v[$0] - mean) / (variance + 1e-5).squareRoot() * Double(weight[$0]) + Double(bias[$0]) }
            expectClose(Array(y[row * width..<(row + 1) * width]), expected, 3e-6)
        }
    }

    @Test(arguments: [(1, 16), (5, 16), (16, 64), (17, 80), (100, 20), (333, 64)])
    func attentionIsASoftmaxWeightedSumOfValues(keys: Int, headSize: Int) {
        let block = CK_KEY_BLOCK
        let capacity = (keys + block - 1) / block * block + block
        var random = SeededRandom(seed: UInt64(keys * headSize))
        let query = random.floats(headSize, in: -2...2)
        // Behind the last key lies garbage that must not matter.
        var k = [Float](repeating: .nan, count: headSize * capacity)
        var v = [Float](repeating: .nan, count: headSize * capacity)
        for j in 0..<keys {
            for d in 0..<headSize {
                k[d * capacity + j] = Float.random(in: -2...2, using: &random)
                v[j * headSize + d] = Float.random(in: -2...2, using: &random)
            }
        }
        var scores = [Float](repeating: 0, count: capacity)
        var out = [Float](repeating: 0, count: headSize)
        ck_attend(query, k, v, keys, capacity, headSize, 0.25, &scores, &out)
        let raw = (0..<keys).map { j in (0..<headSize).reduce(0.0) { $0 + Double(query[$1]) * Double(k[$1 * capacity + j]) } * 0.25 }
        let powers = raw.map { exp($0 - (raw.max() ?? 0)) }
        let sum = powers.reduce(0, +)
        let expected = (0..<headSize).map { d in (0..<keys).reduce(0.0) { $0 + powers[$1] / sum * Double(v[$1 * headSize + d]) } }
        expectClose(out, expected, 3e-6)
    }

    @Test func attentionOfAPrefixHasTheSameBitsInALargerCache() {
        var random = SeededRandom(seed: 4)
        let headSize = 24
        let query = random.floats(headSize)
        let values = random.floats(headSize * 40)
        let results = [48, 64, 256].map { capacity in
            var k = [Float](repeating: 0, count: headSize * capacity)
            var v = [Float](repeating: 0, count: headSize * capacity)
            for j in 0..<40 {
                for d in 0..<headSize {
                    k[d * capacity + j] = values[j * headSize + d]
                    v[j * headSize + d] = values[d * 40 + j]
                }
            }
            var scores = [Float](repeating: 0, count: capacity)
            var out = [Float](repeating: 0, count: headSize)
            ck_attend(query, k, v, 37, capacity, headSize, 1, &scores, &out)
            return out.map(\.bitPattern)
        }
        #expect(results[0] == results[1] && results[1] == results[2])
    }

    @Test func halfNumbersWidenExactly() {
        // Every float16 there is, against Swift's own type.
        let all = (0...UInt16.max).map { $0 }
        var wide = [Float](repeating: 0, count: all.count)
        ck_f16_to_f32(all, &wide, all.count)
        for (bits, value) in zip(all, wide) {
            let expected = Float(Float16(bitPattern: bits))
            #expect(value == expected || (value.isNaN && expected.isNaN))
        }
        ck_bf16_to_f32(all, &wide, all.count)
        #expect(zip(all, wide).allSatisfy { $1.bitPattern == UInt32($0) << 16 })
    }

    @Test func rotationTurnsPairsHalfAWidthApart() {
        var row: [Float] = [1, 2, 3, 4, 50, 60]
        ck_rotate_half(&row, 1, 6, 4, [0, 0.6], [1, 0.8])
        // Pairs (1, 3) by 90°, (2, 4) by the angle of (0.6, 0.8); the rest of the head stays.
        expectClose(row, [-3, 2 * 0.6 - 4 * 0.8, 1, 4 * 0.6 + 2 * 0.8, 50, 60], 1e-6)
    }

    @Test func logSumExpDoesNotOverflow() {
        #expect(abs(ck_log_sum_exp([1000, 1000], 2) - (1000 + log(2.0))) < 1e-9)
        #expect(abs(ck_log_sum_exp([-1000, -1000, -1000], 3) - (-1000 + log(3.0))) < 1e-9)
    }
}
