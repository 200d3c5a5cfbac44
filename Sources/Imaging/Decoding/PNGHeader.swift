/// The fields of a PNG file's IHDR chunk that matter before decoding.
struct PNGHeader: Equatable {
    let width: Int
    let height: Int
    let bitDepth: Int
    let colourType: Int
    let isInterlaced: Bool

    /// Reads IHDR, which must be the first chunk: 8 bytes signature, 4 length, 4 type, then 13 bytes. Only the sizes are judged here;
    /// libspng judges the rest.
    init(_ bytes: [UInt8], file: String) throws(ImageError) {
        guard bytes.count >= 33 else {
            throw .truncated(file: file, format: .png, reason: "it ends within its header (IHDR)")
        }
        guard Self.integer(bytes, at: 8) == 13, bytes[12..<16].elementsEqual("IHDR".utf8) else {
            throw .damaged(file: file, format: .png, reason: "it does not begin with a header (IHDR)")
        }
        width = Self.integer(bytes, at: 16)
        height = Self.integer(bytes, at: 20)
        bitDepth = Int(bytes[24])
        colourType = Int(bytes[25])
        isInterlaced = bytes[28] != 0
    }

    /// Samples of one pixel: 1 grey or palette index, 2 grey and alpha, 3 RGB, 4 RGBA.
    var channels: Int {
        switch colourType {
        case 2: 3
        case 4: 2
        case 6: 4
        default: 1
        }
    }

    private static func integer(_ bytes: [UInt8], at offset: Int) -> Int {
        bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int($1) }
    }
}
