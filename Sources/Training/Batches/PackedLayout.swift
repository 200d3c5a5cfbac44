import CKernels
import Tensors

/// How sequences lie in the rows of one matrix: one behind the other without padding, after rows that all of them begin with.
///
/// A causal model computes the same for the tokens that all sequences of a batch begin with (the system sentence): they are
/// computed once, and every sequence attends to them.
public struct PackedLayout: Sendable, Hashable {
    /// Rows `0 ..< prefix` begin every sequence.
    public let prefix: Int
    /// Rows of each sequence behind the prefix, consecutive.
    public let sequences: [Range<Int>]

    /// - Parameters:
    ///   - prefix: how many rows all sequences share.
    ///   - lengths: rows of each sequence without the prefix.
    public init(prefix: Int = 0, lengths: [Int]) {
        self.prefix = prefix
        var next = prefix
        sequences = lengths.map { length in
            defer { next += length }
            return next..<next + length
        }
    }

    /// Rows of the matrix.
    public var rows: Int { sequences.last?.upperBound ?? prefix }

    /// Positions of the longest sequence.
    var positions: Int { prefix + (sequences.map(\.count).max() ?? 0) }

    /// A stretch of rows whose first one is at position `before`, and sees the `before` rows of the prefix.
    struct Segment {
        var rows: Range<Int>
        var before: Int
        /// The rows whose outputs are wanted.
        var queries: Range<Int>
        /// Where the first of them lies in a matrix of wanted rows.
        var place: Int

        /// Positions that the last row sees.
        var keys: Int { before + rows.count }
        /// Position of the first wanted row.
        var firstPosition: Int { before + queries.lowerBound - rows.lowerBound }
    }

    /// The sequences, and before them the prefix, which sees only itself. All rows are wanted.
    var segments: [Segment] {
        (prefix > 0 ? [Segment(rows: 0..<prefix, before: 0, queries: 0..<prefix, place: 0)] : [])
            + sequences.map { Segment(rows: $0, before: prefix, queries: $0, place: $0.lowerBound) }
    }
}

/// The rows of the last layer that a loss reads: of each sequence those from its first target to its last. No other output of that
/// layer matters, though its keys and values do.
struct WantedRows {
    /// Rows of the batch, ascending.
    let rows: [Int]
    let segments: [PackedLayout.Segment]

    /// - Parameter targets: rows that a loss reads.
    init(_ layout: PackedLayout, targets: some Sequence<Int>) {
        let sorted = targets.sorted()
        var rows: [Int] = []
        var next = sorted.startIndex
        segments = layout.segments.map { segment in
            var segment = segment
            var end = next
            while end < sorted.endIndex, sorted[end] < segment.rows.upperBound { end += 1 }
            segment.place = rows.count
            segment.queries = next < end ? sorted[next]..<sorted[end - 1] + 1 : segment.rows.lowerBound..<segment.rows.lowerBound
            rows += Array(segment.queries)
            next = end
            return segment
        }
        self.rows = rows
    }

    /// A copy of the wanted rows.
    func gathered(_ x: Rows) -> Rows {
        let result = Rows(count: rows.count, width: x.width)
        for (place, row) in rows.enumerated() { result.row(place).update(from: x.row(row), count: x.width) }
        return result
    }

    /// Adds wanted rows to where they come from.
    func add(_ x: Rows, to sum: Rows) {
        for (place, row) in rows.enumerated() { ck_add(sum.row(row), x.row(place), x.width) }
    }
}
