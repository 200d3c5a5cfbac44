/// Two neighbouring tokens, by id.
///
/// Pairs are ordered by the left id, then the right one: of pairs that are equally frequent the trainer merges the first.
struct TokenPair: Hashable, Comparable, Sendable {
    var left: UInt32
    var right: UInt32

    init(_ left: UInt32, _ right: UInt32) {
        self.left = left
        self.right = right
    }

    static func < (first: TokenPair, second: TokenPair) -> Bool {
        first.left != second.left ? first.left < second.left : first.right < second.right
    }
}
