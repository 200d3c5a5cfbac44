/// A token that is found in the text before byte-pair encoding sees it, with the flags of Hugging Face `tokenizers`.
public struct AddedToken: Sendable, Hashable {
    /// Row of the embedding matrix.
    public var id: Int
    /// The text that is looked for.
    public var content: String
    /// Matches only where neither neighbour is a word character (`\w`).
    public var singleWord: Bool
    /// Swallows the white space to its left.
    public var stripsLeft: Bool
    /// Swallows the white space to its right.
    public var stripsRight: Bool
    /// Looked for in the normalised text, else in the text as it came.
    public var normalized: Bool
    /// A control token (`<|endoftext|>`), left out of decoded text on request.
    public var special: Bool

    /// An added token; the flags' defaults are those of special tokens.
    public init(
        id: Int, content: String, singleWord: Bool = false, stripsLeft: Bool = false, stripsRight: Bool = false,
        normalized: Bool = false, special: Bool = true
    ) {
        self.id = id
        self.content = content
        self.singleWord = singleWord
        self.stripsLeft = stripsLeft
        self.stripsRight = stripsRight
        self.normalized = normalized
        self.special = special
    }
}
