import Yams

/// Finds keys that a recipe does not have: a misspelt one would otherwise leave its setting at the default without a word.
enum RecipeKeys {
    /// The first key of the text, as a path such as `steps[0].epoch`, that decoding did not use; nil when all were.
    ///
    /// - Parameter known: what the text was decoded to: encoded again, it has all keys that count.
    static func firstUnknown(in text: String, known: Recipe) throws -> String? {
        guard let given = try Yams.compose(yaml: text), let used = try Yams.compose(yaml: YAMLEncoder().encode(known)) else { return nil }
        return firstUnknown(given, used, at: "")
    }

    private static func firstUnknown(_ given: Node, _ used: Node, at path: String) -> String? {
        switch (given, used) {
        case (.mapping(let given), .mapping(let used)):
            for (key, value) in given {
                let name = key.string ?? "?"
                let place = path.isEmpty ? name : "\(path).\(name)"
                if let other = used.first(where: { $0.key.string == name })?.value {
                    if let unknown = firstUnknown(value, other, at: place) { return unknown }
                } else if value.null == nil {
                    return place
                }
            }
        case (.sequence(let given), .sequence(let used)):
            for (index, (one, other)) in zip(given, used).enumerated() {
                if let unknown = firstUnknown(one, other, at: "\(path)[\(index)]") { return unknown }
            }
        default: break
        }
        return nil
    }
}
