import Foundation

/// A table whose rows are printed as soon as they are known: widths are given, numbers go to the right.
struct FixedTable {
    private let columns: [(title: String, width: Int)]

    /// - Parameter columns: titles, and the widest text that is to be expected below
    init(_ columns: [(title: String, width: Int)]) {
        self.columns = columns.map { ($0.title, max($0.title.count, $0.width)) }
        printLine(self.columns.map(\.title))
    }

    func add(_ cells: [String]) { printLine(cells) }

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
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

func decimals(_ value: Double, _ count: Int = 0) -> String { String(format: "%.\(count)f", value) }

func mebibytes(_ bytes: Int?) -> String { bytes.map { decimals(Double($0) / 1_048_576, 1) } ?? "?" }
