/// A sequence to learn from: pieces of text and images, and which tokens it should predict.
public struct TrainingSequence: Sendable, Hashable {
    /// Token identifiers; an image stands as `imageMarker`.
    public var tokens: [Int]
    /// Which image stands at the marker, by the caller's numbering; nil for text alone.
    public var image: Int?
    /// Whether each of `tokens` is to be predicted from what stands before it.
    public var isTarget: [Bool]

    /// Stands in `tokens` where the rows of the image go.
    public static let imageMarker = -200

    public init(tokens: [Int], image: Int?, isTarget: [Bool]) {
        self.tokens = tokens
        self.image = image
        self.isTarget = isTarget
    }

    /// Rows that it takes with `rowsPerImage` rows for an image.
    public func rows(rowsPerImage: Int) -> Int { tokens.count + (image == nil ? 0 : rowsPerImage - 1) }

    /// Number of tokens to predict.
    public var targetCount: Int { isTarget.lazy.filter { $0 }.count }
}

/// Sequences of one step, packed into the rows of one matrix.
public struct PackedBatch: Sendable {
    /// A row and the token that it should predict.
    public struct Target: Sendable, Hashable {
        public var row: Int
        public var token: Int
    }

    public let layout: PackedLayout
    /// Rows that hold a token's embedding.
    public let tokens: [Target]
    /// First rows of images, with the image's place in `images`.
    public let imageRows: [(row: Int, image: Int)]
    /// The images of the batch, each once, by the caller's numbering.
    public let images: [Int]
    public let targets: [Target]

    /// - Parameters:
    ///   - sequences: at least one.
    ///   - rowsPerImage: rows that one image takes.
    ///   - sharesPrefix: whether tokens that all sequences begin with are computed once.
    public init(_ sequences: [TrainingSequence], rowsPerImage: Int, sharesPrefix: Bool = true) {
        let prefix = sharesPrefix && sequences.count > 1 ? Self.commonPrefix(sequences) : 0
        layout = PackedLayout(prefix: prefix, lengths: sequences.map { $0.rows(rowsPerImage: rowsPerImage) - prefix })
        var tokens: [Target] = (0..<prefix).map { Target(row: $0, token: sequences[0].tokens[$0]) }
        var imageRows: [(row: Int, image: Int)] = []
        var images: [Int] = []
        var places: [Int: Int] = [:]
        var targets: [Target] = []
        for (sequence, rows) in zip(sequences, layout.sequences) {
            var row = rows.lowerBound
            for (index, token) in sequence.tokens.enumerated().dropFirst(prefix) {
                if sequence.isTarget[index], index > 0 {
                    // The row before it predicts it: the prefix's last one for the first row behind the prefix.
                    targets.append(Target(row: row > rows.lowerBound ? row - 1 : prefix - 1, token: token))
                }
                if token == TrainingSequence.imageMarker, let image = sequence.image {
                    let place = places[image] ?? images.count
                    if place == images.count { images.append(image) }
                    places[image] = place
                    imageRows.append((row, place))
                    row += rowsPerImage
                } else {
                    tokens.append(Target(row: row, token: token))
                    row += 1
                }
            }
        }
        self.tokens = tokens
        self.imageRows = imageRows
        self.images = images
        self.targets = targets
    }

    /// Tokens that all sequences begin with, before any image, any target and any sequence's end.
    private static func commonPrefix(_ sequences: [TrainingSequence]) -> Int {
        guard let first = sequences.first else { return 0 }
        var length = 0
        while length < first.tokens.count, first.tokens[length] != TrainingSequence.imageMarker,
            sequences.allSatisfy({
                length + 1 < $0.tokens.count && $0.tokens[length] == first.tokens[length] && !$0.isTarget[length]
            })
        { length += 1 }
        return length
    }
}
