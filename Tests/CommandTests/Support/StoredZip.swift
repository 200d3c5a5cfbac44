/// A zip archive without compression, as torch writes them.
struct StoredZip {
    private var bytes: [UInt8] = []
    private var directory: [UInt8] = []
    private var count = 0

    mutating func add(_ name: String, _ content: [UInt8]) {
        let offset = bytes.count
        let checksum = Int(Self.checksum(content))
        var facts = numbers((0, 2), (0, 2), (0, 4), (checksum, 4), (content.count, 4), (content.count, 4))
        facts += numbers((name.utf8.count, 2), (0, 2))
        bytes += [0x50, 0x4B, 3, 4] + numbers((20, 2)) + facts
        bytes += Array(name.utf8) + content
        directory += [0x50, 0x4B, 1, 2] + numbers((20, 2), (20, 2)) + facts
        directory += numbers((0, 2), (0, 2), (0, 2), (0, 4), (offset, 4)) + Array(name.utf8)
        count += 1
    }

    var file: [UInt8] {
        let end = numbers((0, 4), (count, 2), (count, 2), (directory.count, 4), (bytes.count, 4), (0, 2))
        return bytes + directory + [0x50, 0x4B, 5, 6] + end
    }

    /// Little-endian numbers of so many bytes each.
    private func numbers(_ fields: (value: Int, size: Int)...) -> [UInt8] {
        fields.flatMap { field in (0..<field.size).map { UInt8(truncatingIfNeeded: field.value >> (8 * $0)) } }
    }

    /// CRC-32 of zip and PNG.
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum = ~UInt32(0)
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
        }
        return ~sum
    }
}
