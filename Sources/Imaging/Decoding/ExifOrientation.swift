/// How the stored rows and columns relate to the upright picture: EXIF tag 0x0112, values 1 to 8.
enum ExifOrientation: Int, CaseIterable {
    case upright = 1
    case mirroredHorizontally
    case rotatedHalfTurn
    case mirroredVertically
    case transposed
    /// Must be turned a quarter clockwise to be upright.
    case needsClockwiseTurn
    case transposedAcrossOtherDiagonal
    /// Must be turned a quarter counter-clockwise to be upright.
    case needsCounterClockwiseTurn

    /// Reads the orientation out of an EXIF block (a TIFF header and its first directory).
    ///
    /// EXIF data is a note beside the image: without a readable and valid orientation the image counts as upright, as everywhere else.
    init(tiff: ArraySlice<UInt8>) {
        self = Self.find(in: TIFFBytes(tiff)) ?? .upright
    }

    private static let tag = 0x0112

    private static func find(in tiff: TIFFBytes?) -> ExifOrientation? {
        guard let tiff, let directory = tiff.integer(at: 4, bytes: 4), let entries = tiff.integer(at: directory, bytes: 2)
        else { return nil }
        // At most 65,535 entries of 12 bytes; offsets stay below 2^32 + 2^20, so plain arithmetic cannot overflow.
        for index in 0..<entries {
            let entry = directory + 2 + 12 * index
            guard let tag = tiff.integer(at: entry, bytes: 2) else { return nil }
            guard tag == Self.tag else { continue }
            guard let type = tiff.integer(at: entry + 2, bytes: 2), let count = tiff.integer(at: entry + 4, bytes: 4), count == 1
            else { return nil }
            // 1 = byte, 3 = short (what the standard says), 4 = long: a single value sits at the beginning of the value field.
            guard let size = [1: 1, 3: 2, 4: 4][type], let value = tiff.integer(at: entry + 8, bytes: size) else { return nil }
            return ExifOrientation(rawValue: value)
        }
        return nil
    }

    /// The image with this orientation undone.
    func upright(_ image: RGBImage) -> RGBImage {
        let width = image.width, height = image.height
        let right = 3, down = 3 * width
        let lastColumn = right * (width - 1), lastRow = down * (height - 1)
        // Where the upright picture's first pixel is stored, and the steps from there along its rows and columns.
        let (start, alongRow, alongColumn): (Int, Int, Int) =
            switch self {
            case .upright: (0, right, down)
            case .mirroredHorizontally: (lastColumn, -right, down)
            case .rotatedHalfTurn: (lastRow + lastColumn, -right, -down)
            case .mirroredVertically: (lastRow, right, -down)
            case .transposed: (0, down, right)
            case .needsClockwiseTurn: (lastRow, -down, right)
            case .transposedAcrossOtherDiagonal: (lastRow + lastColumn, -down, -right)
            case .needsCounterClockwiseTurn: (lastColumn, down, -right)
            }
        if self == .upright { return image }
        let swapsSides = rawValue >= ExifOrientation.transposed.rawValue
        let (newWidth, newHeight) = swapsSides ? (height, width) : (width, height)
        let bytes = [UInt8](unsafeUninitializedCapacity: image.bytes.count) { target, count in
            image.bytes.withUnsafeBufferPointer { source in
                var next = 0
                for row in 0..<newHeight {
                    var stored = start + row * alongColumn
                    for _ in 0..<newWidth {
                        target[next] = source[stored]
                        target[next + 1] = source[stored + 1]
                        target[next + 2] = source[stored + 2]
                        next += 3
                        stored += alongRow
                    }
                }
                count = next
            }
        }
        return RGBImage(checkedWidth: newWidth, height: newHeight, bytes: bytes)
    }
}

/// Checked reading of integers in a TIFF structure of either byte order.
private struct TIFFBytes {
    private let bytes: ArraySlice<UInt8>
    private let isLittleEndian: Bool

    init?(_ bytes: ArraySlice<UInt8>) {
        if bytes.starts(with: [0x49, 0x49, 0x2A, 0x00]) {
            isLittleEndian = true
        } else if bytes.starts(with: [0x4D, 0x4D, 0x00, 0x2A]) {
            isLittleEndian = false
        } else {
            return nil
        }
        self.bytes = bytes
    }

    /// The unsigned integer of 1, 2 or 4 bytes at `offset` from the TIFF header, or `nil` outside the block.
    func integer(at offset: Int, bytes size: Int) -> Int? {
        guard offset >= 0, offset <= bytes.count - size else { return nil }
        let field = bytes.dropFirst(offset).prefix(size)
        return isLittleEndian
            ? field.reversed().reduce(0) { $0 << 8 | Int($1) }
            : field.reduce(0) { $0 << 8 | Int($1) }
    }
}
