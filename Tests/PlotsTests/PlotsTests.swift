import Testing

@testable import Plots

@Suite struct TickTests {
    @Test("ticks are 1, 2 or 5 times a power of ten, with no more digits than they need")
    func ticksAreRound() {
        #expect(Ticks.linear(0, 100, most: 5).map(\.label) == ["0", "20", "40", "60", "80", "100"])
        #expect(Ticks.linear(0, 0.7, most: 8).map(\.label) == ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7"])
        #expect(Ticks.linear(-2, 2, most: 4).map(\.label) == ["−2", "−1", "0", "1", "2"])
        #expect(Ticks.linear(0, 25_000, most: 5).map(\.label) == ["0", "5k", "10k", "15k", "20k", "25k"])
        #expect(Ticks.linear(0, 4_000_000, most: 4).map(\.label) == ["0", "1M", "2M", "3M", "4M"])
    }

    @Test("a logarithmic axis has powers of ten, and steps between them when they are few")
    func logarithmicTicks() {
        #expect(Ticks.logarithmic(1, 100, most: 10).map(\.label) == ["1", "2", "5", "10", "20", "50", "100"])
        #expect(Ticks.logarithmic(0.01, 1000, most: 6).map(\.label) == ["0.01", "0.1", "1", "10", "100", "1000"])
        #expect(Ticks.logarithmic(1e-6, 1e12, most: 6).count <= 7)
    }

    @Test("however odd the range, there are ticks and not too many", arguments: [(0.0, 1e-9), (1e12, 1.0001e12), (-3e5, 7e-3), (5.0, 5.0), (0.0, 0.0), (-4.0, -4.0), (-1e100, 1e100), (0.0, Double.leastNonzeroMagnitude), (1.0, 1 + 3e-16), (-Double.leastNonzeroMagnitude, Double.leastNormalMagnitude)])
    func oddRanges(low: Double, high: Double) throws {
        let map = try AxisMap(Axis("x"), values: [low, high], mostTicks: 6)
        #expect((2...8).contains(map.ticks.count), "\(map.ticks)")
        #expect((0...1).contains(map.share(low)) && (0...1).contains(map.share(high)))
    }

    @Test("on a percentile axis 90, 99 and 99.9 are equally far apart")
    func percentiles() throws {
        let map = try AxisMap(Axis("p", .percentile), values: [0, 99.9], mostTicks: 10)
        let places = [0, 90, 99, 99.9].map(map.share)
        for (place, wanted) in zip(places, [0, 1.0 / 3, 2.0 / 3, 1]) { #expect(abs(place - wanted) < 1e-9) }
    }
}

@Suite struct PlotTests {
    private func plot(_ series: [Series], x: Axis.Scale = .linear, y: Axis.Scale = .linear, references: [Reference] = [], bars: Plot.Bars = .grouped) -> Plot {
        Plot(title: "A <b> & \"c\"", x: Axis("x", x), y: Axis("y", y), series: series, references: references, bars: bars)
    }

    @Test("the same plot gives the same text, well-formed, with every text escaped")
    func deterministicAndEscaped() throws {
        let plot = plot([Series("rate < 5 & more\u{1}", .linePoints, [Point(0, 1), Point(1, 2)])])
        let text = try plot.svg()
        #expect(try plot.svg() == text)
        #expect(text.contains("A &lt;b&gt; &amp; &quot;c&quot;") && text.contains("rate &lt; 5 &amp; more\u{FFFD}"))
        #expect(!text.contains("<b>"))
        #expect(text.hasPrefix("<svg ") && text.hasSuffix("</svg>\n"))
        #expect(text.components(separatedBy: "<text").count == text.components(separatedBy: "</text>").count)
    }

    @Test("a value that is not finite is refused by name, or leaves a gap where that is wished", arguments: [Double.nan, .infinity, -.infinity])
    func gaps(bad: Double) throws {
        var series = Series("speed", .line, [Point(0, 1), Point(1, 2), Point(2, bad), Point(3, 1), Point(4, 2)])
        let error = #expect(throws: PlotError.self) { try plot([series]).svg() }
        #expect(error?.description.contains("speed") == true)
        series.gaps = .skipped
        let text = try plot([series]).svg()
        #expect(text.components(separatedBy: "stroke=\"\(Palette.color(0))\"").count - 1 == 3, "two runs, two lines, and one in the legend")
        #expect(!text.contains("nan") && !text.contains("inf"))
    }

    @Test("what has no place on its axis is refused: nothing, 0 on a logarithmic one, a name that is not there")
    func refusals() {
        #expect(throws: PlotError.self) { try plot([]).svg() }
        #expect(throws: PlotError.self) { try plot([Series("", .line, [])]).svg() }
        #expect(throws: PlotError.self) { try plot([Series("", .line, [Point(1, 0), Point(2, 3)])], y: .logarithmic).svg() }
        #expect(throws: PlotError.self) { try plot([Series("", .line, [Point(1, Double.leastNonzeroMagnitude), Point(2, 3)])], y: .logarithmic).svg() }
        #expect(throws: PlotError.self) { try plot([Series("", .line, [Point(0, -1.7e308), Point(1, 1.7e308)])]).svg() }
        #expect(throws: PlotError.self) { try plot([Series("", .bars, [Point(2, 1)])], x: .categories(["a", "b"])).svg() }
        #expect(throws: PlotError.self) { try plot([Series("", .line, [Point(100, 1)])], x: .percentile).svg() }
        #expect(throws: PlotError.self) { try plot([Series("", .line, [Point(0, 1)])], references: [Reference("", .horizontal(.nan))]).svg() }
        #expect(throws: PlotError.self) { try Figure(panels: []).svg() }
        #expect(throws: PlotError.self) { try Figure(panels: [plot([Series("", .line, [Point(0, 1)])])], width: .nan).svg() }
    }

    /// Rectangles of a colour: x, y, width, height.
    private func rectangles(_ text: String, _ color: Int) -> [[Double]] {
        text.split(separator: "\n").filter { $0.hasPrefix("<rect x=") && $0.contains(Palette.color(color)) }.map { line in
            let parts = line.split(separator: "\"")
            return [1, 3, 5, 7].compactMap { Double(parts[$0]) }
        }
    }

    @Test("bars are as high as their values, side by side or one on the other")
    func bars() throws {
        let names = Axis.Scale.categories(["a", "b"])
        let series = [Series("", .bars, [Point(0, 10), Point(1, 20)]), Series("", .bars, [Point(0, 30), Point(1, 0)])]
        let grouped = try plot(series, x: names).svg()
        let (first, second) = (rectangles(grouped, 0), rectangles(grouped, 1))
        #expect(abs(first[1][3] - 2 * first[0][3]) < 0.05 && abs(second[0][3] - 3 * first[0][3]) < 0.05)
        #expect(second[0][0] >= first[0][0] + first[0][2], "beside each other")
        let stacked = try plot(series, x: names, bars: .stacked).svg()
        let (lower, upper) = (rectangles(stacked, 0), rectangles(stacked, 1))
        #expect(abs(upper[0][1] + upper[0][3] - lower[0][1]) < 0.05, "the second stands on the first")
        #expect(upper[0][0] == lower[0][0])
        #expect(throws: PlotError.self) { try plot([Series("", .bars, [Point(0, -1)])], x: names, bars: .stacked).svg() }
    }

    @Test("nothing lies outside of the picture, however long its labels are")
    func insideThePicture() throws {
        let names = (0..<12).map { "an expert with a long name \($0)" }
        let text = try plot(
            [Series(String(repeating: "a name ", count: 6), .bars, names.indices.map { Point(Double($0), 1e7 * Double($0)) })]
                + (0..<9).map { Series("series \($0)", .line, [Point(0, 1), Point(11, Double($0))]) },
            x: .categories(names), references: [Reference("ideal", .path([Point(0, 0), Point(11, 1e8)]))]).svg()
        for line in text.split(separator: "\n") where line.hasPrefix("<polyline") || line.hasPrefix("<rect x=") {
            let numbers = line.split { !"0123456789.-".contains($0) }.prefix(2).compactMap { Double($0) }
            #expect(numbers.count == 2 && (0...800).contains(numbers[0]) && (0...420).contains(numbers[1]), "\(line)")
        }
    }

    /// Texts that are not turned: where they begin and end, their baselines, and what they say.
    private func texts(_ svg: String) -> [(from: Double, to: Double, y: Double, text: String)] {
        svg.split(separator: "\n").filter { $0.hasPrefix("<text") && !$0.contains("rotate") }.compactMap { line in
            let parts = line.split(separator: "\"")
            guard let x = Double(parts[1]), let y = Double(parts[3]), let size = Double(parts[5]),
                let text = line.split(separator: ">")[1].split(separator: "<").first.map(String.init)
            else { return nil }
            let width = Drawing.textWidth(text, size: size)
            let from = line.contains("\"middle\"") ? x - width / 2 : line.contains("\"end\"") ? x - width : x
            return (from, from + width, y, text)
        }
    }

    @Test("names in the legend that are wider than the figure go on on further lines, and hide nothing", arguments: [1, 2])
    func legendsWrap(columns: Int) throws {
        let names = ["an expert of a domain whose long name says everything about it and more", "short", "brief", "a-word-without-any-space-that-" + String(repeating: "goes-on-", count: 6)]
        let width = 420.0 * Double(columns)
        let series = names.enumerated().map { Series($1, .bars, [Point(0, Double($0 + 1)), Point(1, 2)]) }
        let plot = Plot(
            title: "Layer 0: tokens per expert, and how many", subtitle: String(repeating: "the name of a log ", count: 5),
            x: Axis("domain", .categories(["CT", "MRI"])), y: Axis("% of the domain's tokens"), series: series)
        let svg = try Figure(panels: [Plot](repeating: plot, count: columns), columns: columns, width: width, panelHeight: 340).svg()
        let texts = texts(svg)
        for text in texts { #expect(text.from >= 0 && text.to <= width, "\(text)") }
        if columns == 2 { #expect(texts.allSatisfy { ($0.to <= 420) != ($0.from >= 420) }, "a panel does not run into the next") }
        // Everything is there, in order.
        let first = texts.filter { $0.from < 420 }.map(\.text)
        let all = first.joined(separator: " ")
        #expect(all.contains(names[0]) && all.contains("short brief"))
        #expect(first.joined().contains(names[3]))
        // Nothing lies on anything else.
        for (index, a) in texts.enumerated() {
            for b in texts.dropFirst(index + 1) where abs(a.y - b.y) < 12 { #expect(a.to <= b.from || b.to <= a.from, "\(a) and \(b)") }
        }
        // The bars begin below the last name, and each name has one mark.
        let bottom = try #require(texts.last { names[3].hasSuffix($0.text) }).y
        for color in names.indices {
            let rectangles = rectangles(svg, color)
            #expect(rectangles.count == 3 * columns)
            #expect(rectangles.filter { $0[2] != 12 || $0[3] != 10 }.allSatisfy { $0[1] > bottom })
        }
    }

    @Test("a text is broken at spaces, within words only if it must be, and ends after the most lines that it may have")
    func wrapping() {
        func lines(_ text: String, letters: Double, most: Int = 3) -> [String] { Drawing.wrapped(text, size: 1, width: letters * 0.62 + 0.001, most: most) }
        #expect(lines("abc", letters: 3) == ["abc"])
        #expect(lines("", letters: 3) == [""])
        #expect(lines("abc de", letters: 5) == ["abc", "de"])
        #expect(lines("abc de", letters: 6) == ["abc de"])
        #expect(lines("aa bbbbbb cc", letters: 4) == ["aa", "bbbb", "bb…"])
        #expect(lines("aa bbbbbb cc", letters: 5, most: 9) == ["aa", "bbbbb", "b cc"])
        #expect(lines("abcdefgh", letters: 3) == ["abc", "def", "gh"])
        #expect(lines("abcdefghi", letters: 4, most: 2) == ["abcd", "ef…"])
        #expect(lines("abcdef", letters: 0) == ["a", "b", "c…"])
    }
}
