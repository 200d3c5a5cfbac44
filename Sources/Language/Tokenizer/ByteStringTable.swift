/// An immutable map from byte strings to token ids, open addressing over one flat block of bytes: no allocation per look-up.
struct ByteStringTable: Sendable {
    private var bytes: [UInt8] = []
    private var starts: [UInt32] = [0]
    private var ids: [UInt32] = []
    /// Entry number plus one; 0 is free.
    private var slots: [UInt32]
    /// Chosen per process, so that no file can make its tokens collide on purpose.
    private let seed = UInt64.random(in: .min ... .max) | 1
    /// The longest byte string inside.
    private(set) var longest = 0

    /// Makes room for a number of entries, which is also the most that may be inserted.
    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        slots = [UInt32](repeating: 0, count: size)
    }

    var count: Int { ids.count }

    /// Adds an entry; false, and no change, if the byte string is there already.
    mutating func insert(_ key: UnsafeBufferPointer<UInt8>, id: UInt32) -> Bool {
        var slot = Int(truncatingIfNeeded: hash(key)) & (slots.count - 1)
        while slots[slot] != 0 {
            if matches(Int(slots[slot]) - 1, key) { return false }
            slot = (slot + 1) & (slots.count - 1)
        }
        ids.append(id)
        bytes.append(contentsOf: key)
        starts.append(UInt32(truncatingIfNeeded: bytes.count))
        slots[slot] = UInt32(truncatingIfNeeded: ids.count)
        longest = max(longest, key.count)
        return true
    }

    /// The number of the entry with exactly these bytes.
    @inline(__always)
    func entry(of key: UnsafeBufferPointer<UInt8>) -> Int? {
        guard key.count <= longest else { return nil }
        var slot = Int(truncatingIfNeeded: hash(key)) & (slots.count - 1)
        while slots[slot] != 0 {
            let entry = Int(slots[slot]) - 1
            if matches(entry, key) { return entry }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// The id of an entry.
    @inline(__always)
    func id(ofEntry entry: Int) -> UInt32 { ids[entry] }

    /// The bytes of an entry.
    func key(ofEntry entry: Int) -> ArraySlice<UInt8> { bytes[Int(starts[entry])..<Int(starts[entry + 1])] }

    @inline(__always)
    private func matches(_ entry: Int, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
        let start = Int(starts[entry])
        guard Int(starts[entry + 1]) - start == key.count else { return false }
        for offset in 0..<key.count where bytes[start + offset] != key[offset] { return false }
        return true
    }

    /// Multiply and fold, eight bytes at a time.
    @inline(__always)
    private func hash(_ key: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var state = seed ^ UInt64(key.count)
        var offset = 0
        while offset + 8 <= key.count {
            let word = UnsafeRawPointer(key.baseAddress.unsafelyUnwrapped + offset).loadUnaligned(as: UInt64.self)
            state = Self.mix(state ^ word)
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < key.count {
            rest = rest << 8 | UInt64(key[offset])
            offset += 1
        }
        return Self.mix(Self.mix(state ^ rest) ^ seed)
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return product.high ^ product.low
    }
}
