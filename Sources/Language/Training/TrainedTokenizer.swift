/// A vocabulary and its merges as `BytePairTrainer` found them, and the files that say so.
public struct TrainedTokenizer: Sendable {
    /// The token that begins and ends texts; its id is 0.
    public static let endOfText = "<|endoftext|>"

    /// The bytes of every token, by id.
    public let tokens: [[UInt8]]
    /// The pairs to merge, the first first.
    let merges: [TokenPair]

    /// How a token is written in `tokenizer.json`: in GPT-2's byte alphabet; the end token as it is.
    func text(of id: Int) -> String {
        var text = String.UnicodeScalarView()
        for byte in tokens[id] { if let scalar = Unicode.Scalar(ByteAlphabet.codes[Int(byte)]) { text.append(scalar) } }
        return String(text)
    }

    /// The merges as `merges.txt` and `tokenizer.json` write them: two tokens with a blank between.
    var mergeTexts: [String] { merges.map { "\(text(of: Int($0.left))) \(text(of: Int($0.right)))" } }

    /// `tokenizer.json` as Hugging Face `tokenizers` writes it, pretty-printed.
    public var tokenizerJSON: String {
        // What the library calls "byte level" at both ends; only `use_regex` and `add_prefix_space` mean anything, in the pre-tokeniser.
        func byteLevel(addsPrefixSpace: Bool) -> JSONValue {
            .object([
                ("type", .string("ByteLevel")), ("add_prefix_space", .bool(addsPrefixSpace)), ("trim_offsets", .bool(true)),
                ("use_regex", .bool(true)),
            ])
        }
        let end: JSONValue = .object([
            ("id", .integer(0)), ("content", .string(Self.endOfText)), ("single_word", .bool(false)), ("lstrip", .bool(false)),
            ("rstrip", .bool(false)), ("normalized", .bool(false)), ("special", .bool(true)),
        ])
        let model: JSONValue = .object([
            ("type", .string("BPE")), ("dropout", .null), ("unk_token", .null), ("continuing_subword_prefix", .null),
            ("end_of_word_suffix", .null), ("fuse_unk", .bool(false)), ("byte_fallback", .bool(false)),
            ("vocab", .object(tokens.indices.map { (name: text(of: $0), value: .integer($0)) })),
            ("merges", .array(mergeTexts.map(JSONValue.string))),
        ])
        return JSONText.pretty(
            .object([
                ("version", .string("1.0")), ("truncation", .null), ("padding", .null), ("added_tokens", .array([end])),
                ("normalizer", .null), ("pre_tokenizer", byteLevel(addsPrefixSpace: false)), ("post_processor", .null),
                ("decoder", byteLevel(addsPrefixSpace: true)), ("model", model),
            ]))
    }

    /// `tokenizer_config.json` for `transformers`: the class that reads `tokenizer.json`, and the names of the end token.
    public var configurationJSON: String {
        JSONText.pretty(
            .object([
                ("tokenizer_class", .string("PreTrainedTokenizerFast")), ("bos_token", .string(Self.endOfText)),
                ("eos_token", .string(Self.endOfText)),
            ]))
    }
}
