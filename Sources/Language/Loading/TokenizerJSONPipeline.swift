/// The parts of `tokenizer.json` around the model: normaliser, pre-tokeniser, post-processor, decoder.
///
/// What is not supported is refused by name: a part that is quietly left out would give other ids than the model was trained on.
struct TokenizerJSONPipeline {
    let document: JSONDocument

    /// `normalizer`: nothing or NFC.
    func composition(_ value: JSONValue?) throws(TokenizerError) -> CanonicalComposition? {
        var found: CanonicalComposition?
        for (element, entry) in try flattened(value, "normalizer", list: "normalizers") {
            guard try type(element, entry) == "NFC" else { throw unsupportedType(element, entry, "null, NFC, or a Sequence of NFC") }
            found = .unicode9
        }
        return found
    }

    /// `pre_tokenizer`: any number of Split and Digits, then ByteLevel.
    func preTokenizer(_ value: JSONValue?) throws(TokenizerError) -> PreTokenizer {
        let supported = "ByteLevel, or a Sequence of Split and Digits that ends with ByteLevel"
        let elements = try flattened(value, "pre_tokenizer", list: "pretokenizers")
        var steps: [PreTokenizer.Step] = []
        for (index, (element, entry)) in elements.enumerated() {
            let isLast = index == elements.count - 1
            switch try type(element, entry) {
            case "ByteLevel" where isLast:
                if try document.flag(element["add_prefix_space"], "\(entry).add_prefix_space", default: true) {
                    steps.append(.prefixSpace)
                }
                if try document.flag(element["use_regex"], "\(entry).use_regex", default: true) {
                    steps.append(.split(.pattern(.gpt2), .isolated, inverted: false))
                }
                return PreTokenizer(steps: steps)
            case "Split" where !isLast:
                steps.append(try split(element, entry))
            case "Digits" where !isLast:
                let oneByOne = try document.flag(element["individual_digits"], "\(entry).individual_digits", default: false)
                steps.append(.split(.digits(oneByOne: oneByOne), oneByOne ? .isolated : .contiguous, inverted: false))
            default: throw unsupportedType(element, entry, supported)
            }
        }
        throw document.unsupported("pre_tokenizer", .null, supported)
    }

    private func split(_ element: JSONValue, _ entry: String) throws(TokenizerError) -> PreTokenizer.Step {
        let name = try document.string(element["behavior"], "\(entry).behavior")
        guard let behaviour = PreTokenizer.SplitBehaviour(rawValue: name) else {
            let supported = PreTokenizer.SplitBehaviour.allCases.map(\.rawValue).joined(separator: ", ")
            throw document.unsupported("\(entry).behavior", .string(name), supported)
        }
        let inverted = try document.flag(element["invert"], "\(entry).invert", default: false)
        let pattern = element["pattern"]
        if let literal = pattern?["String"] {
            let text = try document.string(literal, "\(entry).pattern.String")
            guard !text.isEmpty else { throw document.malformed("\(entry).pattern.String", "it is empty") }
            return .split(.literal(Array(text.utf8)), behaviour, inverted: inverted)
        }
        let expression = try document.string(pattern?["Regex"], "\(entry).pattern.Regex")
        guard let known = SplitPattern.named(byRegularExpression: expression) else {
            throw TokenizerError.unsupported(
                file: document.file, entry: "\(entry).pattern.Regex", value: quoted(expression),
                supported: "the patterns of GPT-2, cl100k and arcade100k, written as their authors do")
        }
        return .split(.pattern(known), behaviour, inverted: inverted)
    }

    /// `post_processor`: anything that puts no token around a text.
    func checkPostProcessor(_ value: JSONValue?, _ entry: String) throws(TokenizerError) {
        for (element, entry) in try flattened(value, entry, list: "processors") {
            switch try type(element, entry) {
            case "ByteLevel": continue
            case "TemplateProcessing":
                for (index, piece) in try document.elements(element["single"], "\(entry).single").enumerated() {
                    guard piece["Sequence"] != nil else {
                        throw document.unsupported("\(entry).single[\(index)]", piece, "templates that add no token to a text")
                    }
                }
            default:
                throw unsupportedType(element, entry, "null, ByteLevel, or a TemplateProcessing that adds no token to a text")
            }
        }
    }

    /// `decoder`: ByteLevel.
    func checkDecoder(_ value: JSONValue?, _ entry: String) throws(TokenizerError) {
        let elements = try flattened(value, entry, list: "decoders")
        guard elements.count == 1, try type(elements[0].element, elements[0].entry) == "ByteLevel" else {
            throw document.unsupported(entry, elements.first?.element["type"] ?? .null, "ByteLevel")
        }
    }

    /// A part, or the parts of a Sequence, with their places in the file; nothing for null.
    private func flattened(
        _ value: JSONValue?, _ entry: String, list: String
    ) throws(TokenizerError) -> [(element: JSONValue, entry: String)] {
        guard let value, !JSONValue.isNull(value) else { return [] }
        guard try type(value, entry) == "Sequence" else { return [(value, entry)] }
        var result: [(element: JSONValue, entry: String)] = []
        for (index, element) in try document.elements(value[list], "\(entry).\(list)").enumerated() {
            result += try flattened(element, "\(entry).\(list)[\(index)]", list: list)
            // Each step of a pre-tokeniser is a level of recursion.
            guard result.count <= 16 else { throw document.malformed(entry, "it has more than 16 steps") }
        }
        return result
    }

    private func type(_ value: JSONValue, _ entry: String) throws(TokenizerError) -> String {
        try document.string(value["type"], "\(entry).type")
    }

    private func unsupportedType(_ element: JSONValue, _ entry: String, _ supported: String) -> TokenizerError {
        document.unsupported("\(entry).type", element["type"] ?? .null, supported)
    }
}
