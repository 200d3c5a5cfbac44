import Testing

@testable import Plots

@Suite struct HeatMapTests {
    private let counts = [[90, 10, 0], [5, 45, 0], [0, 0, 0]]
    private let labels = ["CT", "MRI", "X-Ray"]

    /// Shades of the cells, in order.
    private func shades(_ text: String) -> [String] {
        text.split(separator: "\n").filter { $0.hasPrefix("<rect x=") }.compactMap { $0.split(separator: "\"").dropLast().last.map(String.init) }
    }

    @Test("a confusion matrix prints counts and percentages of rows, and shades by the latter")
    func confusion() throws {
        let map = HeatMap.confusion(title: "Router", labels: labels, counts: counts)
        #expect(map.cells[0].map(\.share) == [0.9, 0.1, 0] && map.cells[1].map(\.share) == [0.1, 0.9, 0])
        #expect(map.cells[2].map(\.share) == [0, 0, 0], "a class without examples is no division by zero")
        let text = try Figure([.heatMap(map)]).svg()
        for printed in [">90<", ">90.0 %<", ">10.0 %<", ">45<", ">Router<", ">predicted<", ">true<"] {
            #expect(text.contains(printed), "\(printed)")
        }
        #expect(text.components(separatedBy: ">MRI<").count == 3, "beside its row and below its column")
        let shades = shades(text)
        #expect(shades.count == 9 && shades[0] == shades[4] && shades[1] == shades[3] && shades[2] == Palette.shade(0))
        #expect(Palette.shade(0) == "#f4f6f8" && Palette.shade(1) == "#005f98")
    }

    @Test("texts shrink with the cells, and are left out where nobody could read them")
    func texts() throws {
        let names = (0..<30).map { "expert number \($0)" }
        let map = HeatMap.confusion(title: "", labels: names, counts: names.map { _ in names.map { _ in 1_000_000 } })
        #expect(!(try Figure([.heatMap(map)]).svg().contains("1000000")))
        let large = try Figure([.heatMap(map)], width: 3000, panelHeight: 1500).svg()
        #expect(large.contains("1000000"))
        let medium = try Figure([.heatMap(map)], width: 1800, panelHeight: 900).svg()
        let size = medium.split(separator: "\n").first { $0.contains(">1000000<") }
        #expect(size.map { $0.contains("font-size=\"13\"") } == false)
    }

    @Test("a table with other cells than names, or a share that is none, is refused by its title")
    func refusals() {
        func refused(_ map: HeatMap, width: Double = 800) -> Bool {
            let error = #expect(throws: PlotError.self) { try Figure([.heatMap(map)], width: width).svg() }
            return error?.description.contains("Router") == true
        }
        #expect(refused(.confusion(title: "Router", labels: [], counts: [])))
        #expect(refused(.confusion(title: "Router", labels: labels, counts: [[1, 2, 3], [1, 2, 3]])))
        #expect(refused(.confusion(title: "Router", labels: labels, counts: [[1, 2], [1, 2], [3, 4]])))
        #expect(refused(HeatMap(title: "Router", rows: ["a"], columns: ["b"], cells: [[.init(share: .nan)]])))
        #expect(refused(HeatMap(title: "Router", rows: ["a"], columns: ["b"], cells: [[.init(share: 1.01)]])))
        #expect(refused(.confusion(title: "Router", labels: (0..<200).map(String.init), counts: (0..<200).map { _ in [Int](repeating: 1, count: 200) }), width: 200))
    }

    @Test("nothing lies outside of the picture, however long the names, in any column of panels")
    func insideThePicture() throws {
        let names = (0..<9).map { "a domain & expert with a long name \($0)" }
        let map = HeatMap(
            title: "T", subtitle: "s", rowLabel: "domain", columnLabel: "expert", rows: names, columns: names,
            cells: names.map { _ in names.map { _ in .init(share: 0.5, lines: ["50.0 %"]) } })
        let plot = Plot(title: "P", x: Axis("x"), y: Axis("y"), series: [Series("", .line, [Point(0, 0), Point(1, 1)])])
        let text = try Figure([.heatMap(map), .heatMap(map), .plot(plot)], columns: 2, width: 1200, panelHeight: 400).svg()
        #expect(text.contains("width=\"1200\" height=\"800\""))
        var places: [(Double, Double)] = []
        for line in text.split(separator: "\n") where line.hasPrefix("<rect x=") {
            let parts = line.split(separator: "\"")
            let numbers = [1, 3, 5, 7].compactMap { Double(parts[$0]) }
            try #require(numbers.count == 4)
            places += [(numbers[0], numbers[1]), (numbers[0] + numbers[2], numbers[1] + numbers[3])]
        }
        #expect(places.count == 2 * 2 * 81)
        #expect(places.allSatisfy { (0...1200).contains($0.0) && (0...800).contains($0.1) })
        // The second map is the first one, a column further.
        for index in 0..<162 { #expect(abs(places[index].0 + 600 - places[index + 162].0) < 0.02 && places[index].1 == places[index + 162].1) }
        #expect(!text.contains("& expert") && text.contains("&amp; expert"))
    }
}

@Suite struct SmoothingTests {
    private func series(_ values: [Double]) -> Series { Series("", .line, values.enumerated().map { Point(Double($0), $1) }) }

    @Test("a mean over what lies around shifts nothing and forgets one enormous value")
    func means() {
        #expect(series([1, 2, 3, 4, 5]).smoothed(reach: 1).points.map(\.y) == [1.5, 2, 3, 4, 4.5])
        let line = series((0..<100).map(Double.init)).smoothed(reach: 10)
        for index in 10..<90 { #expect(abs(line.points[index].y - Double(index)) < 1e-9) }
        let spike = series([1, 1e300, 1, 2, 2, 2]).smoothed(reach: 1)
        #expect(spike.points.map(\.y).suffix(2) == [2, 2])
        #expect(series([]).smoothed(reach: 3).points.isEmpty)
        let gaps = series([1, .nan, 3, .infinity]).smoothed(reach: 0).points.map(\.y)
        #expect(gaps[0] == 1 && gaps[1].isNaN && gaps[2] == 3 && gaps[3] == .infinity)
        #expect(series([1, .nan, 3]).smoothed(reach: 1).points.map(\.y) == [1, 2, 3])
        #expect(series([Double](repeating: 3, count: 10_000)).smoothed(reach: 100, most: 500).points.count == 500)
    }

    @Test("a thinned line keeps its peaks, its order and its gaps")
    func thinning() {
        var values = (0..<10_000).map { Double($0 % 7) }
        values[4321] = 100
        values[8765] = -50
        let thin = series(values).thinned(to: 400)
        #expect((300...402).contains(thin.points.count))
        #expect(thin.points.map(\.y).max() == 100 && thin.points.map(\.y).min() == -50)
        #expect(zip(thin.points, thin.points.dropFirst()).allSatisfy { $0.x < $1.x })
        values[100] = .nan
        #expect(series(values).thinned(to: 400).points.contains { $0.y.isNaN })
        #expect(series([1, 2, 3]).thinned(to: 400).points.count == 3)
        #expect(series([]).thinned().points.isEmpty)
    }

    @Test("a faint line is thin and lets others shine through")
    func faint() throws {
        let points = [Point(0, 0), Point(1, 1)]
        let text = try Plot(
            title: "", x: Axis("x"), y: Axis("y"),
            series: [Series("", .line, points, color: 0, isFaint: true), Series("", .line, points, color: 0)]).svg()
        let lines = text.split(separator: "\n").filter { $0.contains("stroke=\"\(Palette.color(0))\"") }
        #expect(lines.count == 2 && lines[0].contains("stroke-opacity=\"0.3\"") && !lines[1].contains("stroke-opacity"))
    }
}
