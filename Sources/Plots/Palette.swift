/// Colours that people with any kind of colour vision can tell apart, dark enough on white (after Okabe and Ito).
enum Palette {
    private static let colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#5d3a9b", "#444444"]
    static let reference = "#888"
    static let grid = "#e4e4e4"
    static let frame = "#888"

    static func color(_ index: Int) -> String { colors[((index % colors.count) + colors.count) % colors.count] }

    /// From a grey that still shows a cell, for 0, to the palette's first colour, for 1.
    static func shade(_ share: Double) -> String {
        func channel(_ light: Double, _ dark: Double) -> String {
            let value = Int((light + (dark - light) * share).rounded())
            return (value < 16 ? "0" : "") + String(value, radix: 16)
        }
        return "#" + channel(0xF4, 0x00) + channel(0xF6, 0x5F) + channel(0xF8, 0x98)
    }
}
