/// Normalisation form C (Unicode Standard Annex 15) at a fixed version of Unicode, in O(n log n) whatever the text.
///
/// Foundation's own normalisation needs quadratic time for long runs of combining marks, which a text from outside may well contain, and
/// follows the version of Unicode that the toolchain has.
enum CanonicalComposition: Sendable {
    /// As Python 3.11's `unicodedata` does.
    case unicode14
    /// As Hugging Face `tokenizers` does: to it, newer characters neither combine nor move.
    case unicode9

    /// The composed form of valid UTF-8, or nil if the text is known to be composed already.
    func composed(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        // Below U+0300 (bytes CC 80) everything is composed and nothing combines with its neighbour.
        guard bytes.contains(where: { $0 >= 0xCC }) else { return nil }
        let tables = self == .unicode14 ? CanonicalTables.unicode14 : CanonicalTables.unicode9
        let text = UTF8Text(bytes: bytes, classes: .unicode16)
        var scalars: [CanonicalTables.Scalar] = []
        scalars.reserveCapacity(bytes.count)
        var offset = 0
        while offset < text.count {
            let (code, length) = text.scalar(at: offset)
            tables.decompose(code, into: &scalars)
            offset += length
        }
        Self.order(&scalars)
        let codes = tables.compose(scalars)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for code in codes {
            guard let scalar = Unicode.Scalar(code) else { continue }
            if let encoded = UTF8.encode(scalar) { result.append(contentsOf: encoded) }
        }
        return result
    }

    /// Canonical ordering: every run of combining marks sorted by class, equal classes in their order.
    private static func order(_ scalars: inout [CanonicalTables.Scalar]) {
        var index = 0
        while index < scalars.count {
            guard scalars[index].combiningClass != 0 else {
                index += 1
                continue
            }
            var end = index
            var sorted = true
            while end < scalars.count, scalars[end].combiningClass != 0 {
                if end > index, scalars[end - 1].combiningClass > scalars[end].combiningClass { sorted = false }
                end += 1
            }
            if !sorted {
                // The position is part of the key: the standard library does not promise that its sort is stable.
                let run = scalars[index..<end].enumerated().sorted {
                    ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
                }
                scalars.replaceSubrange(index..<end, with: run.map(\.element))
            }
            index = end
        }
    }
}
