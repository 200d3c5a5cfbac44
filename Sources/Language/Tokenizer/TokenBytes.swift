/// What every token id stands for: bytes, and whether it is a control token.
struct TokenBytes: Sendable {
    /// Ids are rows of an embedding matrix; the largest vocabularies known have about 260,000.
    static let mostTokens = 1 << 20

    private var block: [UInt8] = []
    private var ranges: [Range<Int>?]
    private var special: [Bool]

    /// Room for the ids below `count`, none of them set.
    init(count: Int) {
        ranges = [Range<Int>?](repeating: nil, count: count)
        special = [Bool](repeating: false, count: count)
    }

    /// One more than the highest id.
    var count: Int { ranges.count }

    /// Sets the bytes of an id below `count`.
    mutating func set(_ id: Int, bytes: [UInt8], special isSpecial: Bool) {
        ranges[id] = block.count..<(block.count + bytes.count)
        special[id] = isSpecial
        block += bytes
    }

    /// The bytes of a token, or nil if no token has that id.
    subscript(id: Int) -> ArraySlice<UInt8>? {
        guard ranges.indices.contains(id), let range = ranges[id] else { return nil }
        return block[range]
    }

    func isSpecial(_ id: Int) -> Bool { special.indices.contains(id) && special[id] }
}
