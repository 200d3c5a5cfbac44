/// Colours that people with any kind of colour vision can tell apart, dark enough on white (after Okabe and Ito).
enum Palette {
    private static let colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#5d3a9b", "#444444"]
    static let reference = "#888"
    static let grid = "#e4e4e4"
    static let frame = "#888"

    static func color(_ index: Int) -> String { colors[((index % colors.count) + colors.count) % colors.count] }
}
