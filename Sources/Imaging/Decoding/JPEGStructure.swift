/// What the marker segments of a JPEG file say, found without decoding anything (ITU-T T.81, annex B).
struct JPEGStructure {
    /// The frame header (SOF).
    struct Frame: Equatable {
        /// The second byte of the SOF marker: 0xC0 baseline, 0xC1 extended, 0xC2 progressive, ...
        let marker: UInt8
        let precision: Int
        let width: Int
        let height: Int
        let components: Int
    }

    private(set) var frame: Frame?
    private(set) var orientation = ExifOrientation.upright
    private(set) var scans = 0
    private(set) var hasRestartIntervals = false
    private(set) var endsWithMarker = false

    private static let exifPrefix: [UInt8] = Array("Exif".utf8) + [0, 0]

    /// Walks the segments of `bytes`, which begin with SOI, up to EOI or the end of the file.
    init(_ bytes: [UInt8]) {
        var position = 2
        while let marker = Self.nextMarker(in: bytes, at: &position) {
            switch marker {
            case 0xD9:
                endsWithMarker = true
                return
            case 0x01, 0xD0...0xD8:
                continue  // stands alone
            default:
                guard let payload = Self.payload(of: bytes, at: &position) else { return }
                note(marker, payload)
            }
        }
    }

    private mutating func note(_ marker: UInt8, _ payload: ArraySlice<UInt8>) {
        func word(_ offset: Int) -> Int { Int(payload[payload.startIndex + offset]) << 8 | Int(payload[payload.startIndex + offset + 1]) }
        switch marker {
        case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
            guard frame == nil, payload.count >= 6 else { return }
            frame = Frame(
                marker: marker, precision: Int(payload[payload.startIndex]), width: word(3), height: word(1),
                components: Int(payload[payload.startIndex + 5]))
        case 0xDA:
            scans += 1
        case 0xDD:
            if payload.count >= 2, word(0) != 0 { hasRestartIntervals = true }
        case 0xE1:
            guard scans == 0, payload.starts(with: Self.exifPrefix), orientation == .upright else { return }
            orientation = ExifOrientation(tiff: payload.dropFirst(Self.exifPrefix.count))
        default:
            return
        }
    }

    /// Steps to the byte after the next marker and returns that marker. Skips stray bytes and the entropy-coded data of scans,
    /// in which 0xFF is followed by 0x00 (a stuffed 0xFF) or is a restart marker.
    private static func nextMarker(in bytes: [UInt8], at position: inout Int) -> UInt8? {
        while position < bytes.count {
            guard let prefix = bytes[position...].firstIndex(of: 0xFF) else { break }
            position = prefix + 1
            while position < bytes.count, bytes[position] == 0xFF { position += 1 }
            guard position < bytes.count else { break }
            let marker = bytes[position]
            position += 1
            if marker != 0 { return marker }
        }
        position = bytes.count
        return nil
    }

    /// The bytes of the segment whose two length bytes are at `position`; `nil` when the segment is longer than the file.
    private static func payload(of bytes: [UInt8], at position: inout Int) -> ArraySlice<UInt8>? {
        guard position <= bytes.count - 2 else { return nil }
        let length = Int(bytes[position]) << 8 | Int(bytes[position + 1])
        guard length >= 2, position <= bytes.count - length else { return nil }
        defer { position += length }
        return bytes[(position + 2)..<(position + length)]
    }
}
