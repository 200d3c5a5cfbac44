/// Title and subtitle of a panel, on as many lines as they need.
struct Heading {
    private static let titleSize = 15.0
    private static let subtitleSize = 12.0
    private static let lineHeight = 18.0
    private let title: [String]
    private let subtitle: [String]

    init(title: String, subtitle: String, width: Double) {
        // Bold letters are about a tenth wider.
        self.title = title.isEmpty ? [] : Drawing.wrapped(title, size: Heading.titleSize * 1.1, width: width)
        self.subtitle = subtitle.isEmpty ? [] : Drawing.wrapped(subtitle, size: Heading.subtitleSize, width: width)
    }

    var height: Double { Double(title.count + subtitle.count) * Heading.lineHeight + (title.isEmpty ? 0 : 4) }

    func draw(into drawing: inout Drawing, left: Double, top: Double) {
        var line = top + 26
        for text in title {
            drawing.text(text, left, line, size: Heading.titleSize, bold: true)
            line += Heading.lineHeight
        }
        for text in subtitle {
            drawing.text(text, left, line, size: Heading.subtitleSize, color: "#666")
            line += Heading.lineHeight
        }
    }
}
