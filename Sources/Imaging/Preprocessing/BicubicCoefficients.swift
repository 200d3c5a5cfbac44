/// The fixed-point weights that turn one line of pixels into one of another length, for a range of the output's positions.
///
/// Antialiased bicubic convolution (Keys, "Cubic convolution interpolation for digital image processing", 1981, a = -1/2), computed in the order
/// and with the rounding of Pillow's `Resample.c`, so that results are equal to the last bit.
struct BicubicCoefficients {
    /// Binary digits after the point of a weight: 32 bits less 8 of the pixel and 2 of headroom.
    static let precisionBits = 32 - 8 - 2

    /// Per output position the first input position it reads.
    let firsts: [Int]
    /// Per output position how many it reads.
    let counts: [Int]
    /// `stride` weights per output position, of which `counts[i]` are used.
    let weights: [Int32]
    let stride: Int

    /// - Parameters:
    ///   - inputLength: length of the whole input line, at least 1.
    ///   - outputLength: length of the whole output line, at least 1.
    ///   - window: the output positions wanted, within `0..<outputLength`.
    init(inputLength: Int, outputLength: Int, window: Range<Int>) {
        let scale = Double(inputLength) / Double(outputLength)
        let filterScale = max(scale, 1)
        let support = 2 * filterScale
        stride = min(Int(support.rounded(.up)) * 2 + 1, inputLength)

        var firsts: [Int] = [], counts: [Int] = []
        var weights = [Int32](repeating: 0, count: stride * window.count)
        var line = [Double](repeating: 0, count: stride)
        for (index, position) in window.enumerated() {
            let centre = (Double(position) + 0.5) * scale
            let inverse = 1 / filterScale
            let first = max(0, Int(centre - support + 0.5))
            let count = min(inputLength, Int(centre + support + 0.5)) - first
            var sum = 0.0
            for offset in 0..<count {
                let weight = Self.kernel((Double(offset + first) - centre + 0.5) * inverse)
                line[offset] = weight
                sum += weight
            }
            for offset in 0..<count {
                let share = sum == 0 ? line[offset] : line[offset] / sum
                let scaled = share * Double(1 << Self.precisionBits)
                weights[index * stride + offset] = Int32(share < 0 ? scaled - 0.5 : scaled + 0.5)
            }
            firsts.append(first)
            counts.append(count)
        }
        self.firsts = firsts
        self.counts = counts
        self.weights = weights
    }

    /// The input positions that the window reads, from the first of any to the last of any.
    var reach: Range<Int> {
        guard let first = firsts.first, let last = firsts.last, let count = counts.last else { return 0..<0 }
        return first..<(last + count)
    }

    private static func kernel(_ distance: Double) -> Double {
        let a = -0.5
        let x = abs(distance)
        if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
        return 0
    }
}
