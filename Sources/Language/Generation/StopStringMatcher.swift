/// Finds the end of an answer in a stream of text: the first stop string that is complete ends it and is not part of it.
///
/// Text that may turn out to be the beginning of a stop string is held back, and nothing more. What comes out does not depend on how the text
/// was cut into chunks. Of several stop strings, the one whose last byte comes first counts, and the longest of those that end together.
/// Comparison is by bytes: no Unicode equivalence.
public struct StopStringMatcher: Sendable {
    /// What a chunk of text led to.
    public struct Output: Sendable, Hashable {
        /// Text that certainly belongs to the answer.
        public var text: String
        /// The stop string that ended the answer, if one did.
        public var stop: String?
    }

    /// The stop strings given are unusable.
    public enum InvalidStopString: Error, Sendable, Hashable, CustomStringConvertible {
        /// A stop string is empty: it would end every answer before it begins.
        case empty(index: Int)
        /// There are too many: every one is compared with every byte.
        case tooMany(count: Int, limit: Int)
        /// All together are too long to hold back.
        case tooLong(bytes: Int, limit: Int)

        public var description: String {
            switch self {
            case .empty(let index): "Stop string \(index) is empty: leave it out or write at least one character."
            case .tooMany(let count, let limit): "There are \(count) stop strings; at most \(limit) are allowed."
            case .tooLong(let bytes, let limit): "The stop strings have \(bytes) bytes together; at most \(limit) are allowed."
            }
        }
    }

    private static let most = 64
    private static let mostBytes = 64 << 10

    /// One stop string with the borders of its prefixes (Knuth, Morris, Pratt) and how much of it the text's end matches.
    private struct Pattern {
        let string: String
        let bytes: [UInt8]
        let borders: [Int]
        var matched = 0

        init(_ string: String) {
            self.string = string
            bytes = Array(string.utf8)
            var borders = [0]
            var border = 0
            for index in bytes.indices.dropFirst() {
                while border > 0, bytes[index] != bytes[border] { border = borders[border - 1] }
                if bytes[index] == bytes[border] { border += 1 }
                borders.append(border)
            }
            self.borders = borders
        }

        /// Whether the string is complete with this byte.
        mutating func push(_ byte: UInt8) -> Bool {
            while matched > 0, bytes[matched] != byte { matched = borders[matched - 1] }
            if bytes[matched] == byte { matched += 1 }
            return matched == bytes.count
        }
    }

    private var patterns: [Pattern]
    private var held: [UInt8] = []
    private var stopped = false

    /// A matcher at the beginning of a text. Without stop strings everything passes.
    public init(_ stopStrings: [String]) throws(InvalidStopString) {
        guard stopStrings.count <= Self.most else { throw .tooMany(count: stopStrings.count, limit: Self.most) }
        for (index, string) in stopStrings.enumerated() where string.isEmpty { throw .empty(index: index) }
        let bytes = stopStrings.reduce(0) { $0 + $1.utf8.count }
        guard bytes <= Self.mostBytes else { throw .tooLong(bytes: bytes, limit: Self.mostBytes) }
        patterns = stopStrings.map(Pattern.init)
    }

    /// Takes the next text. After a stop string nothing passes any more.
    public mutating func push(_ text: String) -> Output {
        guard !stopped else { return Output(text: "", stop: nil) }
        for byte in text.utf8 {
            held.append(byte)
            var complete: Int?
            for index in patterns.indices where patterns[index].push(byte) {
                if complete.map({ patterns[$0].bytes.count < patterns[index].bytes.count }) ?? true { complete = index }
            }
            if let complete {
                stopped = true
                let answer = held.dropLast(patterns[complete].bytes.count)
                held = []
                return Output(text: String(decoding: answer, as: UTF8.self), stop: patterns[complete].string)
            }
        }
        // A stop string begins with a whole character, so the cut is between characters.
        let heldBack = patterns.reduce(0) { max($0, $1.matched) }
        let certain = held.dropLast(heldBack)
        held = Array(held.suffix(heldBack))
        return Output(text: String(decoding: certain, as: UTF8.self), stop: nil)
    }

    /// The end of the text: what was held back belongs to the answer after all.
    public mutating func finish() -> String {
        defer { held = [] }
        return String(decoding: held, as: UTF8.self)
    }
}
