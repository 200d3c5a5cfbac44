/// Decodes tokens one by one and gives out complete characters only.
///
/// Held back are at most three bytes: the beginning of a character that the next token may complete. Everything given out, with `finish()`,
/// is exactly `ByteLevelTokenizer.decode` of all the ids.
public struct StreamingDecoder: Sendable {
    private let tokenBytes: TokenBytes
    private let skippingSpecial: Bool
    private var repair = LossyUTF8()

    /// A decoder at the beginning of a text. `skippingSpecial` leaves out control tokens.
    public init(tokenizer: ByteLevelTokenizer, skippingSpecial: Bool = true) {
        tokenBytes = tokenizer.tokenBytes
        self.skippingSpecial = skippingSpecial
    }

    /// Takes the next token; returns the text that has become certain, perhaps none.
    public mutating func push(_ id: Int) -> String {
        var text: [UInt8] = []
        push(id, into: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// The end of the tokens: an incomplete character becomes U+FFFD. Afterwards the decoder is at the beginning again.
    public mutating func finish() -> String {
        var text: [UInt8] = []
        finish(into: &text)
        return String(decoding: text, as: UTF8.self)
    }

    mutating func push(_ id: Int, into text: inout [UInt8]) {
        if skippingSpecial, tokenBytes.isSpecial(id) { return }
        guard let bytes = tokenBytes[id] else { return }
        for byte in bytes { repair.push(byte, into: &text) }
    }

    mutating func finish(into text: inout [UInt8]) { repair.finish(into: &text) }
}
