/// Reads little-endian numbers from bytes one after the other, never beyond their end.
package struct LittleEndianReader {
    package let bytes: ArraySlice<UInt8>
    package private(set) var position: Int

    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    /// How many bytes are left.
    package var remaining: Int { bytes.endIndex - position }

    /// The next number, or nil when fewer bytes are left than it takes.
    package mutating func next<Number: FixedWidthInteger & UnsignedInteger>(_ type: Number.Type = Number.self) -> Number? {
        let size = Number.bitWidth / 8
        guard remaining >= size else { return nil }
        var number: Number = 0
        for index in 0..<size { number |= Number(bytes[position + index]) << Number(8 * index) }
        position += size
        return number
    }

    /// The next `count` bytes, or nil when fewer are left.
    package mutating func next(count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, remaining >= count else { return nil }
        defer { position += count }
        return bytes[position..<position + count]
    }
}
