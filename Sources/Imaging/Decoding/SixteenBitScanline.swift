import CSpng

/// Where the pixels of one decoded scanline belong: the whole row of a plain image, or every n-th pixel of a row in one of the seven passes
/// of an interlaced one (PNG specification, section 8.2).
struct Adam7Pass {
    let row: Int
    let firstColumn: Int
    let columnStep: Int
    /// Pixels in the scanline.
    let count: Int

    private static let firstColumns = [0, 4, 0, 2, 0, 1, 0]
    private static let columnSteps = [8, 8, 4, 4, 2, 2, 1]

    init(row info: spng_row_info, isInterlaced: Bool, imageWidth: Int) {
        row = Int(info.row_num)
        let pass = isInterlaced ? min(max(0, Int(info.pass)), 6) : 6
        firstColumn = Self.firstColumns[pass]
        columnStep = Self.columnSteps[pass]
        count = max(0, (imageWidth - firstColumn + columnStep - 1) / columnStep)
    }
}

/// Reduces samples of 16 bits to 8-bit RGB. Alpha is dropped.
struct SixteenBitScanline {
    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    let channels: Int
    /// Pillow saturates plain grey at 255 and takes the high byte of everything else; otherwise v is scaled by 1/257 and rounded.
    let asPillow: Bool

    /// Reduces `pixels` pixels of `samples` and writes them to `target` at `start`, `start + step`, ...
    func reduce(
        _ samples: UnsafeMutableBufferPointer<UInt16>, pixels: Int, into target: UnsafeMutableBufferPointer<UInt8>, from start: Int, step: Int
    ) {
        let isGrey = channels <= 2
        var next = start
        for pixel in 0..<pixels {
            let first = pixel * channels
            target[next] = reduce(samples[first])
            target[next + 1] = isGrey ? target[next] : reduce(samples[first + 1])
            target[next + 2] = isGrey ? target[next] : reduce(samples[first + 2])
            next += step
        }
    }

    private func reduce(_ sample: UInt16) -> UInt8 {
        guard asPillow else { return UInt8((UInt32(sample) + 128) / 257) }
        return channels == 1 ? UInt8(min(sample, 255)) : UInt8(sample >> 8)
    }
}
