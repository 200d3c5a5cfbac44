import Foundation

/// A table whose rows are printed as soon as they are known: widths are given, numbers go to the right.
package struct FixedTable {
    private let columns: [(title: String, width: Int)]

    /// - Parameter columns: titles, and the widest text that is to be expected below
    package init(_ columns: [(title: String, width: Int)]) {
        self.columns = columns.map { ($0.title, max($0.title.count, $0.width)) }
        printLine(self.columns.map(\.title))
    }

    package func add(_ cells: [String]) { printLine(cells) }

    private func printLine(_ cells: [String]) {
        let line = zip(cells, columns).enumerated().map { index, pair in
            let padding = String(repeating: " ", count: max(0, pair.1.width - pair.0.count))
            return index == 0 ? pair.0 + padding : padding + pair.0
        }
        .joined(separator: "  ")
        say(line)
    }
}

/// One line on standard output, at once.
package func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

package func decimals(_ value: Double, _ count: Int = 0) -> String { String(format: "%.\(count)f", value) }

package func mebibytes(_ bytes: Int?) -> String { bytes.map { decimals(Double($0) / 1_048_576, 1) } ?? "?" }

/// The middle value, or the mean of the two in the middle; 0 of nothing.
package func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return 0 }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
