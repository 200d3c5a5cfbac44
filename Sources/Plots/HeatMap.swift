/// A table whose cells are the darker the larger their share: who took what for what, or what went where.
public struct HeatMap: Sendable, Hashable {
    /// A field of the table.
    public struct Cell: Sendable, Hashable {
        /// 0, white, to 1, the darkest.
        public var share: Double
        /// What is printed in it, line by line, where there is room.
        public var lines: [String]

        public init(share: Double, lines: [String] = []) {
            self.share = share
            self.lines = lines
        }
    }

    public var title: String
    /// A smaller line below the title; empty for none.
    public var subtitle: String
    /// What the rows are, beside them, and what the columns are, below them; empty for none.
    public var rowLabel: String
    public var columnLabel: String
    /// Names of the rows, from top to bottom, and of the columns.
    public var rows: [String]
    public var columns: [String]
    /// By row and column.
    public var cells: [[Cell]]

    public init(
        title: String, subtitle: String = "", rowLabel: String = "", columnLabel: String = "", rows: [String], columns: [String], cells: [[Cell]]
    ) {
        self.title = title
        self.subtitle = subtitle
        self.rowLabel = rowLabel
        self.columnLabel = columnLabel
        self.rows = rows
        self.columns = columns
        self.cells = cells
    }

    /// What was taken for what: rows are true classes, columns predicted ones, and a cell is shaded by its share of its row.
    ///
    /// - Parameter counts: `[true][predicted]`, as long and as wide as there are labels; not negative.
    public static func confusion(title: String, subtitle: String = "", labels: [String], counts: [[Int]]) -> HeatMap {
        HeatMap(
            title: title, subtitle: subtitle, rowLabel: "true", columnLabel: "predicted", rows: labels, columns: labels,
            cells: counts.map { row in
                let sum = row.reduce(0.0) { $0 + Double($1) }
                return row.map { count in
                    let share = sum > 0 ? Double(count) / sum : 0
                    return Cell(share: share, lines: sum > 0 ? ["\(count)", percentage(share)] : ["\(count)"])
                }
            })
    }

    /// 0.123 → "12.3 %".
    public static func percentage(_ share: Double) -> String { "\((share * 1000).rounded() / 10) %" }
}
