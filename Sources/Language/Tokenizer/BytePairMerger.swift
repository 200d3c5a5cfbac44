/// Byte-pair encoding of one piece of text: bytes become tokens, neighbours merge, the lowest rank first and the leftmost among equals.
///
/// Short pieces are scanned; long ones keep their possible merges in a heap over a linked list, so that a piece of n bytes takes
/// O(n log n) time, whatever is in it.
struct BytePairMerger {
    /// Below this length scanning is quicker than a heap.
    private static let shortPiece = 48

    /// One token of a long piece, linked to its neighbours.
    private struct Node {
        var id: UInt32
        var previous: Int
        var next: Int
    }

    private var ids: [UInt32] = []
    private var rules: [UInt64] = []
    private var nodes: [Node] = []
    private var queue = MergeQueue()

    /// Appends the tokens of a piece.
    @inline(never)
    mutating func encode(
        _ piece: UnsafeBufferPointer<UInt8>, byteIDs: [UInt32], merges: MergeTable, into output: inout [Int]
    ) {
        if piece.count < Self.shortPiece {
            scan(piece, byteIDs, merges, &output)
        } else {
            queue(piece, byteIDs, merges, &output)
        }
    }

    private mutating func scan(
        _ piece: UnsafeBufferPointer<UInt8>, _ byteIDs: [UInt32], _ merges: MergeTable, _ output: inout [Int]
    ) {
        ids.removeAll(keepingCapacity: true)
        rules.removeAll(keepingCapacity: true)
        for byte in piece { ids.append(byteIDs[Int(byte)]) }
        // rules[i] is the rule of the tokens i and i + 1; the highest value means that they do not merge.
        for index in 0..<max(ids.count - 1, 0) { rules.append(merges.rule(ids[index], ids[index + 1]) ?? .max) }
        while true {
            var best = UInt64.max
            var position = 0
            for index in rules.indices where rules[index] >> 32 < best >> 32 {
                best = rules[index]
                position = index
            }
            guard best != .max else { break }
            ids[position] = UInt32(truncatingIfNeeded: best)
            ids.remove(at: position + 1)
            rules.remove(at: position)
            if position > 0 { rules[position - 1] = merges.rule(ids[position - 1], ids[position]) ?? .max }
            if position < rules.count { rules[position] = merges.rule(ids[position], ids[position + 1]) ?? .max }
        }
        for id in ids { output.append(Int(id)) }
    }

    private mutating func queue(
        _ piece: UnsafeBufferPointer<UInt8>, _ byteIDs: [UInt32], _ merges: MergeTable, _ output: inout [Int]
    ) {
        nodes.removeAll(keepingCapacity: true)
        queue.removeAll()
        nodes.reserveCapacity(piece.count)
        for (index, byte) in piece.enumerated() {
            nodes.append(Node(id: byteIDs[Int(byte)], previous: index - 1, next: index + 1))
        }
        nodes[nodes.count - 1].next = -1
        for index in nodes.indices { offer(index, merges) }
        while let entry = queue.popFirst() {
            let position = MergeQueue.position(of: entry)
            let next = nodes[position].next
            // An entry is out of date when one of its tokens has merged otherwise meanwhile: then its rule is another one or none.
            // A token that was swallowed by its left neighbour has itself as its next.
            guard next != position, next >= 0, let rule = merges.rule(nodes[position].id, nodes[next].id),
                rule >> 32 == MergeQueue.rank(of: entry)
            else { continue }
            nodes[position].id = UInt32(truncatingIfNeeded: rule)
            let following = nodes[next].next
            nodes[position].next = following
            if following >= 0 { nodes[following].previous = position }
            nodes[next].next = next
            offer(position, merges)
            if nodes[position].previous >= 0 { offer(nodes[position].previous, merges) }
        }
        var position = 0
        while position >= 0 {
            output.append(Int(nodes[position].id))
            position = nodes[position].next
        }
    }

    private mutating func offer(_ position: Int, _ merges: MergeTable) {
        let next = nodes[position].next
        guard next >= 0, let rule = merges.rule(nodes[position].id, nodes[next].id) else { return }
        queue.push(MergeQueue.entry(rank: rule >> 32, position: position))
    }
}
