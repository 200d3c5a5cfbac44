/// What a `*.tiktoken` rank file does not say itself: how text is split, and which ids the special tokens have.
public struct RankFileFormat: Sendable, Hashable {
    /// The name by which it is known; the rank file is usually called so.
    public let name: String
    let pattern: SplitPattern
    let composition: CanonicalComposition?
    /// Contents and ids of the special tokens, by rising id.
    public let specialTokens: [AddedToken]

    /// StableLM-2: ranks below 100256, 32 special tokens from 100257 on; text is brought to normalisation form C first.
    ///
    /// The table is that of the public `tokenization_arcade100k.py`. The embedding has 100352 rows; those from 100289 on belong to no token.
    public static let arcade100k = RankFileFormat(
        name: "arcade100k", pattern: .arcade100k, composition: .unicode14,
        contents: ["<|endoftext|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"]
            + [
                "<gh_stars>", "<filename>", "<issue_start>", "<issue_comment>", "<issue_closed>", "<jupyter_start>",
                "<jupyter_text>", "<jupyter_code>", "<jupyter_output>", "<empty_output>", "<commit_before>", "<commit_msg>",
                "<commit_after>", "<reponame>",
            ]
            + ["<|endofprompt|>", "<|im_start|>", "<|im_end|>", "<|pause|>"]
            + (0..<8).map { "<|reg\($0)|>" } + ["<|extra0|>"])

    private init(name: String, pattern: SplitPattern, composition: CanonicalComposition?, contents: [String]) {
        self.name = name
        self.pattern = pattern
        self.composition = composition
        // Looked for in the normalised text: the reference normalises all of it before anything else.
        specialTokens = contents.enumerated().map {
            AddedToken(id: 100_257 + $0.offset, content: $0.element, normalized: true, special: true)
        }
    }
}
