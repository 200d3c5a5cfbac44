/// What happened in each second of a load; in each two, four … seconds of a long one.
struct Timeline: Sendable {
    private static let most = 1200
    private(set) var width = 1.0
    private(set) var slices: [LoadReport.Slice] = []

    /// - Parameter time: seconds since the begin.
    mutating func note(at time: Double, _ change: (inout LoadReport.Slice) -> Void) {
        while time >= width * Double(Timeline.most) { coarsen() }
        let index = Int(max(0, time) / width)
        while slices.count <= index { slices.append(LoadReport.Slice(second: width * Double(slices.count))) }
        change(&slices[index])
    }

    private mutating func coarsen() {
        width *= 2
        slices = stride(from: 0, to: slices.count, by: 2).map { index in
            var sum = slices[index]
            if index + 1 < slices.count { sum.add(slices[index + 1]) }
            return sum
        }
    }
}
