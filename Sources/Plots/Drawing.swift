import Foundation

/// SVG text under construction.
struct Drawing {
    private let width: Double
    private let height: Double
    private var elements: [String] = []
    /// What is added to every x from now on: where a column of panels begins.
    var left = 0.0

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    enum Anchor: String { case start, middle, end }

    mutating func text(
        _ text: String, _ x: Double, _ y: Double, size: Double = 12, anchor: Anchor = .start, bold: Bool = false,
        color: String = "#333", turned: Double = 0
    ) {
        let x = left + x
        var attributes = "x=\"\(Drawing.number(x))\" y=\"\(Drawing.number(y))\" font-size=\"\(Drawing.number(size))\" fill=\"\(color)\""
        if anchor != .start { attributes += " text-anchor=\"\(anchor.rawValue)\"" }
        if bold { attributes += " font-weight=\"bold\"" }
        if turned != 0 { attributes += " transform=\"rotate(\(Drawing.number(turned)) \(Drawing.number(x)) \(Drawing.number(y)))\"" }
        elements.append("<text \(attributes)>\(Drawing.escaped(text))</text>")
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, color: String, width: Double = 1, dashes: String = "") {
        path([Point(x1, y1), Point(x2, y2)], color: color, width: width, dashes: dashes)
    }

    /// - Parameters:
    ///   - dashes: lengths of dashes and gaps; empty for none.
    ///   - opacity: 1 hides what lies behind.
    mutating func path(_ points: [Point], color: String, width: Double, dashes: String = "", opacity: Double = 1) {
        guard points.count > 1 else { return }
        let places = points.map { "\(Drawing.number(left + $0.x)),\(Drawing.number($0.y))" }.joined(separator: " ")
        var dashing = dashes.isEmpty ? "" : " stroke-dasharray=\"\(dashes)\""
        if opacity < 1 { dashing += " stroke-opacity=\"\(Drawing.number(opacity))\"" }
        elements.append(
            "<polyline points=\"\(places)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"\(Drawing.number(width))\" stroke-linejoin=\"round\"\(dashing)/>")
    }

    mutating func circle(_ center: Point, radius: Double, color: String) {
        elements.append(
            "<circle cx=\"\(Drawing.number(left + center.x))\" cy=\"\(Drawing.number(center.y))\" r=\"\(Drawing.number(radius))\" fill=\"\(color)\"/>")
    }

    mutating func rectangle(_ x: Double, _ y: Double, _ width: Double, _ height: Double, color: String) {
        elements.append(
            "<rect x=\"\(Drawing.number(left + x))\" y=\"\(Drawing.number(y))\" width=\"\(Drawing.number(width))\" height=\"\(Drawing.number(max(0, height)))\" fill=\"\(color)\"/>")
    }

    /// The whole document.
    var text: String {
        let size = "width=\"\(Drawing.number(width))\" height=\"\(Drawing.number(height))\" viewBox=\"0 0 \(Drawing.number(width)) \(Drawing.number(height))\""
        return ([
            "<svg xmlns=\"http://www.w3.org/2000/svg\" \(size) font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\">",
            "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
        ] + elements + ["</svg>", ""]).joined(separator: "\n")
    }

    /// To a hundredth of a pixel, without zeros that say nothing.
    static func number(_ value: Double) -> String {
        var text = String(format: "%.2f", value)
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text == "-0" ? "0" : text
    }

    /// Characters that mean something to XML are spelled out; those that it forbids become a replacement character.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\t", "\n", "\r": result += " "
            case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF: result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// About how wide a text is: enough to keep labels apart, whatever sans-serif font is there.
    static func textWidth(_ text: String, size: Double) -> Double {
        size * text.reduce(0) { sum, character in
            switch character {
            case "i", "l", "j", ".", ",", ":", ";", "|", "'", "!", " ": sum + 0.34
            case "t", "f", "r", "(", ")", "[", "]", "/", "-": sum + 0.4
            case "m", "w", "M", "W", "%", "—", "@", "…": sum + 0.98
            case _ where character.isUppercase: sum + 0.74
            case _ where character.isNumber: sum + 0.64
            // Letters of Chinese, Japanese and Korean, pictures.
            case _ where character.unicodeScalars.contains { $0.value >= 0x1100 && !(0x1E00..<0x2E80).contains($0.value) }: sum + 1
            default: sum + 0.62
            }
        }
    }
}
