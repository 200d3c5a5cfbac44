/// The normalisation of answers in the public evaluation, which took it from the VQA benchmark's.
public enum AnswerNormalisation {
    /// Most full stops that are removed: the public code passes a flag where the count belongs, and the flag's value is 32.
    private static let fullStopLimit = 32

    /// The normal form of a text that is in lower case already.
    public static func normalised(_ text: String) -> String {
        let plain = withoutFullStops(withoutPunctuation(Array(text.unicodeScalars)))
        var unicode = String.UnicodeScalarView()
        unicode.append(contentsOf: plain)
        let words = PythonStrings.words(PythonStrings.lower(String(unicode)))
            .map { NormalisationTables.numberWords[$0] ?? $0 }
            .filter { !NormalisationTables.articles.contains($0) }
            .map { NormalisationTables.contractions[$0] ?? $0 }
        return words.joined(separator: " ")
    }

    /// Each mark is removed everywhere when the text has it beside a space anywhere, or has a comma between digits; otherwise it becomes a
    /// space. The questions are asked of the text as it came, whatever was replaced meanwhile.
    private static func withoutPunctuation(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        let hasCommaInNumber = text.indices.contains { index in
            text[index] == "," && index > 0 && index + 1 < text.count && PythonStrings.isDigit(text[index - 1])
                && PythonStrings.isDigit(text[index + 1])
        }
        var result = text
        for mark in NormalisationTables.punctuation {
            let touchesSpace = text.indices.dropLast().contains { index in
                (text[index] == mark && text[index + 1] == " ") || (text[index] == " " && text[index + 1] == mark)
            }
            if hasCommaInNumber || touchesSpace {
                result.removeAll { $0 == mark }
            } else {
                result = result.map { $0 == mark ? " " : $0 }
            }
        }
        return result
    }

    /// Removes full stops that no digit follows.
    private static func withoutFullStops(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var removed = 0
        return text.indices.compactMap { index in
            let isKept = text[index] != "." || (index + 1 < text.count && PythonStrings.isDigit(text[index + 1])) || removed == fullStopLimit
            if !isKept { removed += 1 }
            return isKept ? text[index] : nil
        }
    }
}
