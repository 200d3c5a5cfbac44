/// Valid UTF-8, read scalar by scalar at byte offsets.
///
/// The bytes always come from a `String` or from `CanonicalComposition`, so their validity is an invariant of this module, not an assumption
/// about outside data; even so, no read leaves the buffer.
struct UTF8Text {
    let bytes: UnsafeBufferPointer<UInt8>
    let classes: ScalarClasses

    @inline(__always)
    var count: Int { bytes.count }

    /// The code point that starts at a byte offset, and its length in bytes.
    @inline(__always)
    func scalar(at offset: Int) -> (code: UInt32, length: Int) {
        let first = UInt32(bytes[offset])
        if first < 0x80 { return (first, 1) }
        let available = bytes.count - offset
        if first < 0xE0 {
            guard available >= 2 else { return (0xFFFD, 1) }
            return ((first & 0x1F) << 6 | continuation(offset + 1), 2)
        }
        if first < 0xF0 {
            guard available >= 3 else { return (0xFFFD, 1) }
            return ((first & 0x0F) << 12 | continuation(offset + 1) << 6 | continuation(offset + 2), 3)
        }
        guard available >= 4 else { return (0xFFFD, 1) }
        let code =
            (first & 0x07) << 18 | continuation(offset + 1) << 12 | continuation(offset + 2) << 6
            | continuation(offset + 3)
        return code < 0x110000 ? (code, 4) : (0xFFFD, 4)
    }

    @inline(__always)
    private func continuation(_ offset: Int) -> UInt32 { UInt32(bytes[offset] & 0x3F) }

    /// The class of the scalar at an offset, and its length in bytes.
    @inline(__always)
    func scalarClass(at offset: Int) -> (class: ScalarClass, length: Int) {
        let (code, length) = scalar(at: offset)
        return (classes[code], length)
    }

    /// The start of the scalar that ends just before an offset greater than 0.
    @inline(__always)
    func startOfScalar(before offset: Int) -> Int {
        var start = offset - 1
        while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }

    /// The end of the longest run, from an offset on, of scalars that have one of these classes.
    func endOfRun(from offset: Int, of kinds: ScalarClass) -> Int {
        var end = offset
        while end < bytes.count {
            let (kind, length) = scalarClass(at: end)
            guard !kind.isDisjoint(with: kinds) else { break }
            end += length
        }
        return end
    }

    /// The end of the longest run, from an offset on, of scalars that have none of these classes.
    func endOfRun(from offset: Int, outside kinds: ScalarClass) -> Int {
        var end = offset
        while end < bytes.count {
            let (kind, length) = scalarClass(at: end)
            guard kind.isDisjoint(with: kinds) else { break }
            end += length
        }
        return end
    }
}
