import CKernels
import Foundation
import Tensors

/// Rotary positions in the rotate-half form, on the first `dimensions` numbers of each head.
struct RotaryEmbedding: Sendable {
    let dimensions: Int
    /// `[positions, dimensions/2]` each; angles in float32 as the public code computes them.
    private let cosine: [Float]
    private let sine: [Float]

    init(dimensions: Int, theta: Double, positions: Int) {
        self.dimensions = dimensions
        let half = dimensions / 2
        let frequencies = (0..<half).map { 1 / Float(pow(theta, Double(2 * $0) / Double(dimensions))) }
        var cosine: [Float] = []
        var sine: [Float] = []
        cosine.reserveCapacity(positions * half)
        sine.reserveCapacity(positions * half)
        for position in 0..<positions {
            for frequency in frequencies {
                let angle = Float(position) * frequency
                cosine.append(cosf(angle))
                sine.append(sinf(angle))
            }
        }
        self.cosine = cosine
        self.sine = sine
    }

    /// Turns the heads of one row, in place; `position` is below the number given at the start.
    func rotate(_ row: UnsafeMutablePointer<Float>, heads: Int, headSize: Int, position: Int) {
        let half = dimensions / 2
        guard half > 0 else { return }
        cosine.withUnsafeBufferPointer { cosine in
            sine.withUnsafeBufferPointer { sine in
                guard let c = cosine.baseAddress, let s = sine.baseAddress, (position + 1) * half <= cosine.count else { return }
                ck_rotate_half(row, heads, headSize, dimensions, c + position * half, s + position * half)
            }
        }
    }
}
