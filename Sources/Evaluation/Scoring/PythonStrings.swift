/// String operations as Python's `str` defines them: the public evaluation is written in it, and its figures depend on what counts as a blank,
/// as a digit, and as lower case. Everything is by Unicode scalar, as there; Swift's `Character` would merge combining marks.
enum PythonStrings {
    /// `str.lower`: the full lower-case mappings, with the one that depends on its neighbours (final sigma).
    static func lower(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        guard scalars.contains("\u{3A3}") else { return scalars.map(\.properties.lowercaseMapping).joined() }
        return scalars.indices.map { index in
            guard scalars[index] == "\u{3A3}" else { return scalars[index].properties.lowercaseMapping }
            let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }
            let after = scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }
            let isFinal = before?.properties.isCased == true && after?.properties.isCased != true
            return isFinal ? "\u{3C2}" : "\u{3C3}"
        }
        .joined()
    }

    /// `str.split()`: the words between blanks.
    static func words(_ text: String) -> [String] {
        text.unicodeScalars.split(whereSeparator: isBlank).map { String(Substring($0)) }
    }

    /// `str.strip()`: the text without blanks around it.
    static func stripped(_ text: String) -> String {
        let rest = text.unicodeScalars.drop(while: isBlank)
        guard let last = rest.lastIndex(where: { !isBlank($0) }) else { return "" }
        return String(Substring(rest[...last]))
    }

    /// `part in text`.
    static func contains(_ text: String, _ part: String) -> Bool {
        // Bytes of valid UTF-8 match where scalars do.
        part.isEmpty || text.utf8.firstRange(of: part.utf8) != nil
    }

    /// `str.isspace` for one scalar: white space by Unicode, and the four separators U+001C to U+001F besides.
    static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }

    /// `\d` of the module `re`: a decimal digit of any script.
    static func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.generalCategory == .decimalNumber }
}
