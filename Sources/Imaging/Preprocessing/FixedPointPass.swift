/// The two loops of the resize. All bounds follow from `BicubicCoefficients.init`, so pointers are used unchecked.
extension BicubicCoefficients {
    /// Scales one line of RGB pixels along itself.
    ///
    /// - Parameters:
    ///   - input: the pixels from input position `origin` on, at least up to `reach`.
    ///   - output: one pixel for each position of the window.
    func scaleLine(_ input: UnsafePointer<UInt8>, origin: Int, into output: UnsafeMutablePointer<UInt8>) {
        weights.withUnsafeBufferPointer { weights in
            firsts.withUnsafeBufferPointer { firsts in
                counts.withUnsafeBufferPointer { counts in
                    guard var weight = weights.baseAddress else { return }
                    for column in 0..<firsts.count {
                        var pixel = input + (firsts[column] - origin) * 3
                        var red = Self.half, green = Self.half, blue = Self.half
                        for index in 0..<counts[column] {
                            red &+= weight[index] &* Int32(pixel[0])
                            green &+= weight[index] &* Int32(pixel[1])
                            blue &+= weight[index] &* Int32(pixel[2])
                            pixel += 3
                        }
                        output[3 * column] = Self.byte(red)
                        output[3 * column + 1] = Self.byte(green)
                        output[3 * column + 2] = Self.byte(blue)
                        weight += stride
                    }
                }
            }
        }
    }

    /// Combines lines into new lines, byte by byte.
    ///
    /// - Parameters:
    ///   - input: the first wanted byte of the line at input position `origin`.
    ///   - pitch: bytes from one input line to the next.
    ///   - length: bytes to combine in each line.
    ///   - output: `length` bytes for each position of the window, without gaps.
    func combineLines(_ input: UnsafePointer<UInt8>, origin: Int, pitch: Int, length: Int, into output: UnsafeMutablePointer<UInt8>) {
        var sums = [Int32](repeating: 0, count: length)
        sums.withUnsafeMutableBufferPointer { sums in
            weights.withUnsafeBufferPointer { weights in
                guard let sums = sums.baseAddress, let weights = weights.baseAddress else { return }
                for row in 0..<firsts.count {
                    sums.update(repeating: Self.half, count: length)
                    for index in 0..<counts[row] {
                        let weight = weights[row * stride + index]
                        let line = input + (firsts[row] - origin + index) * pitch
                        for position in 0..<length { sums[position] &+= weight &* Int32(line[position]) }
                    }
                    let line = output + row * length
                    for position in 0..<length { line[position] = Self.byte(sums[position]) }
                }
            }
        }
    }

    /// One half in fixed point, so that the shift rounds.
    private static let half = Int32(1) << Int32(precisionBits - 1)

    @inline(__always)
    private static func byte(_ sum: Int32) -> UInt8 {
        UInt8(truncatingIfNeeded: max(0, min(255, sum >> Int32(precisionBits))))
    }
}
