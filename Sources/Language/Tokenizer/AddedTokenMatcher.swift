/// Finds added tokens in text: leftmost first, the longest among those that start together, never overlapping.
///
/// A trie of bytes; a search costs at most the text's length times that of the longest token.
struct AddedTokenMatcher: Sendable {
    /// A stretch of text, with the number of its added token or nil for ordinary text.
    struct Span: Hashable {
        var token: Int?
        var range: Range<Int>
    }

    /// What is looked for, and which token it stands for.
    private struct Node {
        var token: Int32 = -1
        var children: [(byte: UInt8, node: Int32)] = []
    }

    private let tokens: [AddedToken]
    /// Children of node i: `edges[firstEdge[i]..<firstEdge[i + 1]]`.
    private let firstEdge: [Int32]
    private let edgeBytes: [UInt8]
    private let edgeNodes: [Int32]
    private let nodeTokens: [Int32]
    private let startBytes: [Bool]

    /// Looks for `patterns[i].bytes`, which stands for `tokens[patterns[i].token]`; of equal patterns the first counts.
    init(tokens: [AddedToken], patterns: [(bytes: [UInt8], token: Int)]) {
        var nodes = [Node()]
        for (bytes, token) in patterns where !bytes.isEmpty {
            var node = 0
            for byte in bytes {
                if let child = nodes[node].children.first(where: { $0.byte == byte }) {
                    node = Int(child.node)
                } else {
                    nodes.append(Node())
                    nodes[node].children.append((byte, Int32(nodes.count - 1)))
                    node = nodes.count - 1
                }
            }
            if nodes[node].token < 0 { nodes[node].token = Int32(token) }
        }
        var first: [Int32] = [0]
        var bytes: [UInt8] = []
        var targets: [Int32] = []
        for node in nodes {
            for child in node.children {
                bytes.append(child.byte)
                targets.append(child.node)
            }
            first.append(Int32(bytes.count))
        }
        var starts = [Bool](repeating: false, count: 256)
        for child in nodes[0].children { starts[Int(child.byte)] = true }
        self.tokens = tokens
        firstEdge = first
        edgeBytes = bytes
        edgeNodes = targets
        nodeTokens = nodes.map(\.token)
        startBytes = starts
    }

    /// Whether there is nothing to look for.
    var isEmpty: Bool { edgeBytes.isEmpty }

    /// The text as added tokens and ordinary stretches, in order. `keepsSpecialAsText` leaves special tokens in the ordinary text.
    func spans(in text: UTF8Text, keepsSpecialAsText: Bool) -> [Span] {
        var spans: [Span] = []
        var covered = 0
        var position = 0
        while position < text.count {
            guard startBytes[Int(text.bytes[position])], let match = longestMatch(in: text, at: position) else {
                position += 1
                continue
            }
            // Discarded or not, a match is not looked into again.
            position = match.end
            let token = tokens[match.token]
            if keepsSpecialAsText, token.special { continue }
            var (start, end) = (match.start, match.end)
            if token.singleWord, touchesWord(text, start, end) { continue }
            if token.stripsLeft { start = max(covered, startOfWhiteSpace(text, before: start, notBefore: covered)) }
            if token.stripsRight { end = text.endOfRun(from: end, of: .whiteSpace) }
            // An earlier token swallowed the white space that this one consists of.
            guard start < end else { continue }
            if covered < start { spans.append(Span(token: nil, range: covered..<start)) }
            spans.append(Span(token: match.token, range: start..<end))
            covered = end
        }
        if covered < text.count { spans.append(Span(token: nil, range: covered..<text.count)) }
        return spans
    }

    private func longestMatch(in text: UTF8Text, at start: Int) -> (token: Int, start: Int, end: Int)? {
        var node = 0
        var position = start
        var found: (token: Int, start: Int, end: Int)?
        search: while position < text.count {
            let byte = text.bytes[position]
            for edge in Int(firstEdge[node])..<Int(firstEdge[node + 1]) where edgeBytes[edge] == byte {
                node = Int(edgeNodes[edge])
                position += 1
                if nodeTokens[node] >= 0 { found = (Int(nodeTokens[node]), start, position) }
                continue search
            }
            break
        }
        return found
    }

    private func touchesWord(_ text: UTF8Text, _ start: Int, _ end: Int) -> Bool {
        if start > 0, text.scalarClass(at: text.startOfScalar(before: start)).class.contains(.word) { return true }
        return end < text.count && text.scalarClass(at: end).class.contains(.word)
    }

    private func startOfWhiteSpace(_ text: UTF8Text, before end: Int, notBefore limit: Int) -> Int {
        var start = end
        while start > limit {
            let previous = text.startOfScalar(before: start)
            guard text.scalarClass(at: previous).class.contains(.whiteSpace) else { break }
            start = previous
        }
        return start
    }
}
