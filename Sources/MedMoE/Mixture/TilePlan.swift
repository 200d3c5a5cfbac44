import Tensors

/// How a batch of rows is cut into tiles, and put together again.
///
/// Tiles come in the order: first choices by expert, then second choices by expert, each cut at the row limit.
struct TilePlan {
    /// Rows of one tile and which choice of theirs it is.
    struct Piece: Equatable {
        let expert: Int
        /// 0 for the first choice, 1 for the second.
        let choice: Int
        /// Rows of the batch, ascending.
        let rows: [Int]
    }

    let layer: Int
    let pieces: [Piece]

    init(layer: Int, routing: Routing, width: Int) {
        self.layer = layer
        let limit = ExpertTile.rowLimit(width: width)
        var pieces: [Piece] = []
        for choice in 0..<(routing.experts.first?.count ?? 0) {
            var rowsByExpert: [Int: [Int]] = [:]
            for (row, chosen) in routing.experts.enumerated() { rowsByExpert[chosen[choice], default: []].append(row) }
            for (expert, rows) in rowsByExpert.sorted(by: { $0.key < $1.key }) {
                for first in stride(from: 0, to: rows.count, by: limit) {
                    pieces.append(Piece(expert: expert, choice: choice, rows: Array(rows[first..<min(rows.count, first + limit)])))
                }
            }
        }
        self.pieces = pieces
    }

    /// The tiles to dispatch: rows gathered from `h`, `[rows, hidden]`.
    func tiles(of h: Rows, routing: Routing) throws -> [ExpertTile] {
        try pieces.map { piece in
            ExpertTile(
                address: ExpertAddress(layer: layer, expert: piece.expert), rows: try h.gathered(piece.rows),
                factors: piece.rows.map { routing.factors[$0][piece.choice] },
                metaFactors: piece.choice == 0 ? routing.metaFactors.map { meta in piece.rows.map { meta[$0] } } : nil)
        }
    }

    /// Adds up the results: first choice, then second, in float32.
    ///
    /// - Throws: `DispatchError.rejected` when a result does not fit its tile.
    func combine(_ results: [TileResult], rows: Int, width: Int) throws -> Rows {
        let y = Rows(count: rows, width: width)
        y.buffer.update(repeating: 0)
        guard results.count == pieces.count else {
            throw DispatchError.rejected("\(results.count) results came back for \(pieces.count) tiles")
        }
        for (piece, result) in zip(pieces, results) {
            guard result.rows.dtype == .float32, result.rows.shape == [piece.rows.count, width] else {
                throw DispatchError.rejected(
                    "a result of shape \(result.rows.shape) came back for a tile of \(piece.rows.count) rows of \(width)")
            }
            result.rows.withFloats { values in
                for (place, row) in piece.rows.enumerated() {
                    let target = y.row(row)
                    let source = values + place * width
                    if piece.choice == 0 {
                        target.update(from: source, count: width)
                    } else {
                        for i in 0..<width { target[i] += source[i] }
                    }
                }
            }
        }
        return y
    }
}
