import Foundation
import StrictJSON

/// A byte-level byte-pair tokeniser: text to token ids and back. Immutable; made by `TokenizerLoader`.
///
/// From `tokenizer.json` and from `vocab.json` with `merges.txt` it gives the ids of Hugging Face `tokenizers`, from rank files those of
/// `tiktoken`. Nothing is ever put around the text: `encode` is Hugging Face's with `add_special_tokens=False`, without truncation or padding.
public struct ByteLevelTokenizer: Sendable {
    /// Which added tokens `encode` finds in the text; the others are encoded as ordinary text.
    public enum AddedTokenRecognition: Sendable, Hashable {
        /// All, as the reference does: a text that contains `<|endoftext|>` contains that token.
        case all
        /// All but the special ones (Hugging Face's `encode_special_tokens`).
        case ordinary
        /// None.
        case none
    }

    /// The files that define the ids, in a fixed order: hash their bytes to name this tokeniser.
    public let sourceFiles: [URL]
    /// The token that ends an answer, if the files name one.
    public let endOfTextID: Int?
    /// The token that begins a text, if the files name one. `encode` never adds it.
    public let beginningOfTextID: Int?
    /// Tokens found in the text before byte-pair encoding.
    public let addedTokens: [AddedToken]

    let model: BytePairModel
    let preTokenizer: PreTokenizer
    let composition: CanonicalComposition?
    let tokenBytes: TokenBytes
    let idsByContent: [UTF8Key: Int]
    private let rawMatcher: AddedTokenMatcher
    private let normalizedMatcher: AddedTokenMatcher
    private let classes = ScalarClasses.unicode16

    init(
        sourceFiles: [URL], model: BytePairModel, preTokenizer: PreTokenizer, composition: CanonicalComposition?,
        tokenBytes: TokenBytes, addedTokens: [AddedToken], idsByContent: [UTF8Key: Int], endOfTextID: Int?,
        beginningOfTextID: Int?
    ) {
        self.sourceFiles = sourceFiles
        self.model = model
        self.preTokenizer = preTokenizer
        self.composition = composition
        self.tokenBytes = tokenBytes
        self.addedTokens = addedTokens
        self.idsByContent = idsByContent
        self.endOfTextID = endOfTextID
        self.beginningOfTextID = beginningOfTextID
        var raw: [(bytes: [UInt8], token: Int)] = []
        var normalized: [(bytes: [UInt8], token: Int)] = []
        // Two contents may become equal by normalisation: then special tokens come first, as in Hugging Face `tokenizers`.
        let order = addedTokens.indices.filter { addedTokens[$0].special } + addedTokens.indices.filter { !addedTokens[$0].special }
        for index in order {
            let bytes = Array(addedTokens[index].content.utf8)
            if addedTokens[index].normalized {
                normalized.append((bytes.withUnsafeBufferPointer { composition?.composed($0) } ?? bytes, index))
            } else {
                raw.append((bytes, index))
            }
        }
        rawMatcher = AddedTokenMatcher(tokens: addedTokens, patterns: raw)
        normalizedMatcher = AddedTokenMatcher(tokens: addedTokens, patterns: normalized)
    }

    /// One more than the highest token id: the fewest rows that the embedding matrix must have.
    public var vocabularySize: Int { tokenBytes.count }

    /// The token ids of a text.
    ///
    /// Takes O(n log n) time for n bytes, whatever they are.
    public func encode(_ text: String, recognizing recognition: AddedTokenRecognition = .all) -> [Int] {
        var ids: [Int] = []
        var merger = BytePairMerger()
        var text = text
        text.withUTF8 { bytes in
            guard !bytes.isEmpty else { return }
            ids.reserveCapacity(bytes.count / 3 + 1)
            let text = UTF8Text(bytes: bytes, classes: classes)
            forEachStretch(of: text, rawMatcher, recognition, &ids) { stretch, ids in
                if let composed = composition?.composed(stretch.bytes) {
                    composed.withUnsafeBufferPointer {
                        encodeNormalized(UTF8Text(bytes: $0, classes: classes), recognition, &merger, &ids)
                    }
                } else {
                    encodeNormalized(stretch, recognition, &merger, &ids)
                }
            }
        }
        return ids
    }

    // Kept out of line, as the steps below it: together they would become one function that takes the optimiser minutes.
    @inline(never)
    private func encodeNormalized(
        _ text: UTF8Text, _ recognition: AddedTokenRecognition, _ merger: inout BytePairMerger, _ ids: inout [Int]
    ) {
        forEachStretch(of: text, normalizedMatcher, recognition, &ids) { stretch, ids in
            preTokenizer.forEachPiece(of: stretch) { model.encode($0, with: &merger, into: &ids) }
        }
    }

    /// Appends the ids of the added tokens in the text and calls `body` for everything between them.
    @inline(never)
    private func forEachStretch(
        of text: UTF8Text, _ matcher: AddedTokenMatcher, _ recognition: AddedTokenRecognition, _ ids: inout [Int],
        _ body: (UTF8Text, inout [Int]) -> Void
    ) {
        if recognition == .none || matcher.isEmpty { return body(text, &ids) }
        for span in matcher.spans(in: text, keepsSpecialAsText: recognition == .ordinary) {
            if let token = span.token {
                ids.append(addedTokens[token].id)
            } else {
                body(UTF8Text(bytes: UnsafeBufferPointer(rebasing: text.bytes[span.range]), classes: classes), &ids)
            }
        }
    }

    /// The text of token ids. Bytes that are no valid UTF-8 become U+FFFD, as Rust's `from_utf8_lossy` replaces them; ids that no token has
    /// (a model may have more rows than tokens) stand for nothing, as in Hugging Face `tokenizers`.
    public func decode(_ ids: [Int], skippingSpecial: Bool = false) -> String {
        var decoder = StreamingDecoder(tokenizer: self, skippingSpecial: skippingSpecial)
        var text: [UInt8] = []
        for id in ids { decoder.push(id, into: &text) }
        decoder.finish(into: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that a token stands for, perhaps a part of a character; nil if no token has that id.
    public func bytes(of id: Int) -> [UInt8]? { tokenBytes[id].map(Array.init) }

    /// The token with exactly this text: an added token's content, else the ordinary token of these bytes.
    public func id(of token: String) -> Int? {
        if let id = idsByContent[UTF8Key(token)] { return id }
        var token = token
        return token.withUTF8 { bytes in model.pieces.entry(of: bytes).map { Int(model.pieces.id(ofEntry: $0)) } }
    }

    /// Whether a token is a control token such as `<|endoftext|>`.
    public func isSpecial(_ id: Int) -> Bool { tokenBytes.isSpecial(id) }
}
