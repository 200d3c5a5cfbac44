import CKernels
import Foundation
import Tensors

/// Cosines and sines of the positions of a batch, for rotary positions in the rotate-half form.
struct RotaryTable {
    /// Leading numbers of each head that are turned.
    let dimensions: Int
    /// `[positions, dimensions / 2]` each; the sines of the turn back behind them.
    private let cosine, sine, back: Rows

    /// Angles are made in float32 as the public code makes them.
    init(dimensions: Int, theta: Double, positions: Int) {
        self.dimensions = dimensions
        cosine = Rows(count: positions, width: dimensions / 2)
        sine = Rows(count: positions, width: dimensions / 2)
        back = Rows(count: positions, width: dimensions / 2)
        for pair in 0..<dimensions / 2 {
            let frequency = 1 / Float(pow(theta, Double(2 * pair) / Double(dimensions)))
            for position in 0..<positions {
                let angle = Float(position) * frequency
                cosine.row(position)[pair] = cosf(angle)
                sine.row(position)[pair] = sinf(angle)
                back.row(position)[pair] = -sinf(angle)
            }
        }
    }

    /// Turns the heads of every row by its position, or back.
    ///
    /// - Parameter x: rows of all segments, or only the wanted ones.
    func rotate(
        _ x: Rows, headSize: Int, segments: [PackedLayout.Segment], wanted: Bool = false, backwards: Bool = false, _ context: TrainingContext
    ) {
        guard dimensions > 0 else { return }
        context.pool.forEach(segments.count) { index in
            let segment = segments[index]
            let (first, position, count) = wanted
                ? (segment.place, segment.firstPosition, segment.queries.count)
                : (segment.rows.lowerBound, segment.before, segment.rows.count)
            for offset in 0..<count {
                ck_rotate_half(
                    x.row(first + offset), x.width / headSize, headSize, dimensions, cosine.row(position + offset),
                    (backwards ? back : sine).row(position + offset))
            }
        }
    }
}
