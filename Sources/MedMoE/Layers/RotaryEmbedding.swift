import CKernels
import Foundation
import Tensors

/// Rotary positions in the rotate-half form, on the first `dimensions` numbers of each head.
struct RotaryEmbedding: Sendable {
    let dimensions: Int
    /// `θ^(−2i/dimensions)` for each pair, in float32 as the public code has them.
    private let frequencies: [Float]

    init(dimensions: Int, theta: Double) {
        self.dimensions = dimensions
        frequencies = (0..<dimensions / 2).map { 1 / Float(pow(theta, Double(2 * $0) / Double(dimensions))) }
    }

    /// Cosines and sines for some consecutive positions: `[count, dimensions/2]` each.
    ///
    /// Made per batch rather than once for the whole context: few rows are needed, and a configuration may promise a
    /// context that no memory holds.
    func angles(from position: Int, count: Int) -> Angles {
        var angles = Angles(pairs: frequencies.count)
        angles.cosine.reserveCapacity(count * frequencies.count)
        angles.sine.reserveCapacity(count * frequencies.count)
        for position in position..<position + count {
            for frequency in frequencies {
                let angle = Float(position) * frequency
                angles.cosine.append(cosf(angle))
                angles.sine.append(sinf(angle))
            }
        }
        return angles
    }

    /// Angles of some positions.
    struct Angles {
        let pairs: Int
        fileprivate(set) var cosine: [Float] = []
        fileprivate(set) var sine: [Float] = []

        fileprivate init(pairs: Int) { self.pairs = pairs }

        /// Turns the heads of one row, in place.
        ///
        /// - Parameter index: which of the positions the row has, from 0.
        func rotate(_ row: UnsafeMutablePointer<Float>, heads: Int, headSize: Int, index: Int) {
            cosine.withUnsafeBufferPointer { cosine in
                sine.withUnsafeBufferPointer { sine in
                    guard let c = cosine.baseAddress, let s = sine.baseAddress else { return }
                    ck_rotate_half(row, heads, headSize, 2 * pairs, c + index * pairs, s + index * pairs)
                }
            }
        }
    }
}
