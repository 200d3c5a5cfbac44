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

        /// Positions that the last row sees.
        var keys: Int { before + rows.count }
    }

    /// The sequences, and before them the prefix, which sees only itself.
    var segments: [Segment] {
        (prefix > 0 ? [Segment(rows: 0..<prefix, before: 0)] : []) + sequences.map { Segment(rows: $0, before: prefix) }
    }
}
