/// How often each piece occurs in a corpus: all that byte-pair training needs to know of it.
///
/// Texts are cut by GPT-2's pattern, as Hugging Face's `ByteLevel(add_prefix_space=False)` cuts them; neither the order of the texts nor
/// control tokens that they spell out mean anything here.
public struct WordCounts: Sendable {
    /// Occurrences by the piece's bytes.
    private(set) var counts: [[UInt8]: Int] = [:]
    /// Number of texts so far.
    public private(set) var texts = 0
    /// Number of bytes of these texts.
    public private(set) var bytes = 0
    private let preTokenizer = PreTokenizer(steps: [.split(.pattern(.gpt2), .isolated, inverted: false)])
    private let classes = ScalarClasses.unicode16

    public init() {}

    /// Number of different pieces.
    public var differentPieces: Int { counts.count }

    /// Counts the pieces of one text, which has no part in any other: no piece reaches beyond its end.
    public mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            texts += 1
            self.bytes += bytes.count
            guard !bytes.isEmpty else { return }
            preTokenizer.forEachPiece(of: UTF8Text(bytes: bytes, classes: classes)) { counts[Array($0), default: 0] += 1 }
        }
    }
}
