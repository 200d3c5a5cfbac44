extension Drawing {
    /// Lines of a text that are at most `width` wide, one at least.
    ///
    /// Lines break at spaces, and within a word only where the word alone is wider than a line.
    ///
    /// - Parameter most: of more lines the rest is left out, and the last one ends with "…".
    static func wrapped(_ text: String, size: Double, width: Double, most: Int = 3) -> [String] {
        var lines = [""]
        func fits(_ line: String) -> Bool { textWidth(line, size: size) <= width }
        for word in text.split(separator: " ") {
            let last = lines[lines.count - 1]
            if last.isEmpty || fits(last + " " + word) {
                lines[lines.count - 1] = last.isEmpty ? String(word) : last + " " + word
            } else {
                lines.append(String(word))
            }
            while !fits(lines[lines.count - 1]), lines[lines.count - 1].count > 1 {
                let wide = lines[lines.count - 1]
                var kept = wide.prefix(1)
                for end in wide.indices.dropFirst(2) where fits(String(wide[..<end])) { kept = wide[..<end] }
                lines[lines.count - 1] = String(kept)
                lines.append(String(wide[kept.endIndex...]))
            }
        }
        guard lines.count > most else { return lines }
        var last = lines[most - 1]
        while last.count > 1, !fits(last + "…") { last.removeLast() }
        return lines.prefix(most - 1) + [last + "…"]
    }
}
