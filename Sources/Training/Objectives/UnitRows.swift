import Foundation
import Tensors

/// Rows divided by their Euclidean lengths: `u(x) = x / ‖x‖`. A row of zeros stays one.
struct UnitRows {
    /// `u(x)`, `[rows, width]`.
    let rows: Rows
    /// `‖x‖` of each row.
    let lengths: [Double]

    init(_ x: Rows) {
        rows = Rows(count: x.count, width: x.width)
        var lengths: [Double] = []
        for row in 0..<x.count {
            let (from, to) = (x.row(row), rows.row(row))
            // In double precision no square of a float32 overflows or vanishes.
            let length = (0..<x.width).reduce(0) { $0 + Double(from[$1]) * Double(from[$1]) }.squareRoot()
            lengths.append(length)
            for column in 0..<x.width { to[column] = length == 0 ? 0 : Float(Double(from[column]) / length) }
        }
        self.lengths = lengths
    }

    /// Turns the gradient with respect to `u` into that with respect to `x`, in place: `(d − u (u · d)) / ‖x‖`; zero where `x` is.
    func pullBack(_ gradient: Rows) {
        for row in 0..<rows.count {
            let (unit, d) = (rows.row(row), gradient.row(row))
            guard lengths[row] != 0 else {
                d.update(repeating: 0, count: rows.width)
                continue
            }
            let along = (0..<rows.width).reduce(0) { $0 + Double(unit[$1]) * Double(d[$1]) }
            for column in 0..<rows.width { d[column] = Float((Double(d[column]) - Double(unit[column]) * along) / lengths[row]) }
        }
    }
}
