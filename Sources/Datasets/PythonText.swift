/// Numbers and truth values as Python's `str` writes them: public data sets have answers that are not strings, and the public code
/// turns them into text that way.
enum PythonText {
    /// - Parameter number: the text of a JSON number.
    /// - Returns: nil for numbers beyond the range of a double.
    static func of(number: String) -> String? {
        // json.loads makes an int, of any size, of a number without fraction and exponent.
        if !number.contains(where: { ".eE".contains($0) }) { return number == "-0" ? "0" : number }
        guard let value = Double(number), value.isFinite else { return nil }
        let text = "\(value)"
        // Both write the shortest digits that round-trip; Python goes over to an exponent at 1e16, Swift at 2^54.
        guard value.magnitude >= 1e16, !text.contains("e") else { return text }
        var digits = text.drop { $0 == "-" }.prefix { $0 != "." }
        let exponent = digits.count - 1
        while digits.last == "0" { digits.removeLast() }
        let fraction = digits.dropFirst()
        return (value < 0 ? "-" : "") + digits.prefix(1) + (fraction.isEmpty ? "" : "." + fraction) + "e+\(exponent)"
    }

    static func of(_ value: Bool) -> String { value ? "True" : "False" }
}
