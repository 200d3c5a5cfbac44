/// Numbers and truth values as Python's `str` writes them: public data sets have answers that are not strings, and the public code
/// turns them into text that way.
enum PythonText {
    /// - Parameter number: the text of a JSON number.
    /// - Returns: nil for numbers beyond the range of a double.
    static func of(number: String) -> String? {
        // json.loads makes an int, of any size, of a number without fraction and exponent.
        if !number.contains(where: { ".eE".contains($0) }) { return number == "-0" ? "0" : number }
        guard let value = Double(number), value.isFinite else { return nil }
        // Both write the shortest digits that round-trip, but Swift goes over to an exponent at 2^53, Python at 1e16. The numbers between are
        // whole.
        if (0x1p53..<1e16).contains(value.magnitude) { return "\(Int64(value)).0" }
        return "\(value)"
    }

    static func of(_ value: Bool) -> String { value ? "True" : "False" }
}
