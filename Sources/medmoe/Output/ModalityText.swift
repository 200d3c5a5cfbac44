import Foundation
import Training

/// How well modalities are told, as a table.
enum ModalityText {
    static func table(_ report: ModalityReport, of title: String) -> String {
        func percent(_ part: Int, _ all: Int) -> String { all > 0 ? String(format: "%.1f %%", 100 * Double(part) / Double(all)) : "-" }
        var text = "\(title) on held-out data: \(percent(report.correctImages, report.images)) of \(report.images) images"
        if !report.layers.isEmpty {
            text += ", \(percent(report.correct, report.examples)) of \(report.examples) questions; by layer "
                + zip(report.layers, report.correctByLayer).map { "\($0): \(percent($1, report.examples))" }.joined(separator: ", ")
        }
        text += "\n"
        let width = max(12, (report.domains.map(\.count).max() ?? 0) + 2)
        func cell(_ text: String) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
        text += cell("is \\ taken for") + report.domains.map(cell).joined() + "\n"
        for (domain, row) in zip(report.domains, report.confusion) { text += cell(domain) + row.map { cell("\($0)") }.joined() + "\n" }
        return text
    }
}
