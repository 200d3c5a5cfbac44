/// A table for people: columns aligned, numbers to the right.
struct TextTable {
    private let header: [String]
    private var rows: [[String]] = []

    init(_ header: [String]) { self.header = header }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// Lines without a trailing newline.
    var text: String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        let isNumber = header.indices.map { column in
            !rows.isEmpty && rows.allSatisfy { $0[column].allSatisfy { "0123456789.,-%· ".contains($0) } }
        }
        return all.map { row in
            row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return isNumber[column] ? padding + row[column] : row[column] + padding
            }
            .joined(separator: "  ").trimmingTrailingBlanks
        }
        .joined(separator: "\n")
    }
}

extension String {
    var trimmingTrailingBlanks: String {
        var copy = self[...]
        while copy.last == " " { copy.removeLast() }
        return String(copy)
    }
}

/// 15717784 → "15,717,784".
func grouped(_ number: Int) -> String {
    let digits = String(abs(number))
    var result = ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { result.append(",") }
        result.append(digit)
    }
    return number < 0 ? "-" + result : result
}
