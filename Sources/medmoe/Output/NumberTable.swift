import Foundation
import Plots

/// Numbers in columns, as scripts write them.
struct NumberTable {
    private let names: [String]
    private let rows: [[Double]]

    /// - Throws: `LoadOutputError` that names the file and the line.
    init(contentsOf path: String) throws {
        guard let data = FileManager.default.contents(atPath: path), data.count <= 64 << 20 else {
            throw LoadOutputError(description: "\(path): cannot be read as a table (at most 64 MiB)")
        }
        let lines = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
        names = lines.first.map { $0.split(whereSeparator: \.isWhitespace).map(String.init) } ?? []
        guard names.count > 1, lines.count > 1 else {
            throw LoadOutputError(description: "\(path): expected a line with the names of at least two columns, and lines of numbers below it")
        }
        let columns = names.count
        rows = try lines.enumerated().dropFirst().map { number, line in
            let values = line.split(whereSeparator: \.isWhitespace).map { Double($0) }
            guard values.count == columns, values.allSatisfy({ $0?.isFinite ?? false }) else {
                throw LoadOutputError(description: "\(path): line \(number + 1) is not \(columns) numbers")
            }
            return values.compactMap { $0 }
        }
    }

    func figure(title: String, yLabel: String) -> Figure {
        Figure(panels: [
            Plot(
                title: title, x: Axis(names[0]), y: Axis(yLabel, including: [0]),
                series: names.indices.dropFirst().map { column in Series(names[column], .line, rows.map { Point($0[0], $0[column]) }) })
        ])
    }
}
