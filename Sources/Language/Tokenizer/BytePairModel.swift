/// A vocabulary of byte strings with its merge rules: pieces of text in, token ids out.
struct BytePairModel: Sendable {
    /// The token of every single byte.
    let byteIDs: [UInt32]
    let merges: MergeTable
    /// Tokens by their bytes.
    let pieces: ByteStringTable
    /// Whether a piece that equals the entry becomes that one token.
    private let wholePieces: [Bool]

    /// A model that asks the merge rules only when a piece is not a token already (`ignoresMerges`, and every rank file), or always.
    init(byteIDs: [UInt32], merges: MergeTable, pieces: ByteStringTable, ignoresMerges: Bool) {
        self.byteIDs = byteIDs
        self.merges = merges
        self.pieces = pieces
        if ignoresMerges {
            wholePieces = [Bool](repeating: true, count: pieces.count)
        } else {
            // Most words of ordinary text are tokens that their merges lead to: find out once, then one look-up per word will do.
            var merger = BytePairMerger()
            var whole: [Bool] = []
            var result: [Int] = []
            for entry in 0..<pieces.count {
                result.removeAll(keepingCapacity: true)
                pieces.key(ofEntry: entry).withUnsafeBufferPointer { key in
                    if !key.isEmpty { merger.encode(key, byteIDs: byteIDs, merges: merges, into: &result) }
                }
                whole.append(result.count == 1 && result[0] == Int(pieces.id(ofEntry: entry)))
            }
            wholePieces = whole
        }
    }

    /// Appends the tokens of a piece that is not empty.
    func encode(_ piece: UnsafeBufferPointer<UInt8>, with merger: inout BytePairMerger, into output: inout [Int]) {
        if let entry = pieces.entry(of: piece), wholePieces[entry] {
            output.append(Int(pieces.id(ofEntry: entry)))
        } else {
            merger.encode(piece, byteIDs: byteIDs, merges: merges, into: &output)
        }
    }
}
