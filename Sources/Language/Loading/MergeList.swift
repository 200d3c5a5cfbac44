/// Merge rules in their order, as `tokenizer.json` and `merges.txt` list them.
struct MergeList {
    let file: String
    private(set) var table: MergeTable
    private var count = 0

    init(file: String, capacity: Int) {
        self.file = file
        table = MergeTable(capacity: capacity)
    }

    /// Adds the next rule. Both parts and their concatenation must be tokens.
    mutating func add(_ left: String, _ right: String, entry: String, vocabulary: ModelVocabulary) throws(TokenizerError) {
        guard count < MergeTable.mostRules else {
            throw .malformed(file: file, entry: entry, reason: "there are more than \(MergeTable.mostRules) merges")
        }
        var ids: [UInt32] = []
        for part in [left, right, left + right] {
            guard let id = vocabulary.id(ofText: part) else {
                throw .malformed(file: file, entry: entry, reason: "\(quoted(part)) is not in the vocabulary")
            }
            ids.append(UInt32(id))
        }
        table.set(ids[0], ids[1], rank: UInt32(count), merged: ids[2])
        count += 1
    }
}
