/// `CanonicalData` of one version of Unicode, indexed for look-up.
struct CanonicalTables: Sendable {
    /// A code point with its canonical combining class; 0 is a starter.
    struct Scalar {
        var code: UInt32
        var combiningClass: UInt8
    }

    static let unicode14 = CanonicalTables(without: [])
    static let unicode9 = CanonicalTables(without: CanonicalData.laterThanUnicode9)

    private let combiningClasses: [UInt32: UInt8]
    private let decompositions: [UInt32: (UInt32, UInt32?)]
    private let compositions: [UInt64: UInt32]

    private init(without later: [UInt32]) {
        var unknown: Set<UInt32> = []
        for index in stride(from: 0, to: later.count - 1, by: 2) {
            unknown.formUnion(later[index]...later[index + 1])
        }
        var classes: [UInt32: UInt8] = [:]
        let runs = CanonicalData.combiningClasses
        for index in stride(from: 0, to: runs.count - 2, by: 3) {
            for code in runs[index]...runs[index + 1] where !unknown.contains(code) {
                classes[code] = UInt8(runs[index + 2])
            }
        }
        var parts: [UInt32: (UInt32, UInt32?)] = [:]
        var composed: [UInt64: UInt32] = [:]
        let singletons = CanonicalData.singletons
        for index in stride(from: 0, to: singletons.count - 1, by: 2) where !unknown.contains(singletons[index]) {
            parts[singletons[index]] = (singletons[index + 1], nil)
        }
        for (pairs, composes) in [(CanonicalData.pairs, true), (CanonicalData.excludedPairs, false)] {
            for index in stride(from: 0, to: pairs.count - 2, by: 3) where !unknown.contains(pairs[index]) {
                parts[pairs[index]] = (pairs[index + 1], pairs[index + 2])
                if composes { composed[UInt64(pairs[index + 1]) << 32 | UInt64(pairs[index + 2])] = pairs[index] }
            }
        }
        combiningClasses = classes
        decompositions = parts
        compositions = composed
    }

    /// Appends the full canonical decomposition of a code point.
    func decompose(_ code: UInt32, into scalars: inout [Scalar]) {
        if code < 0xC0 {
            scalars.append(Scalar(code: code, combiningClass: 0))
        } else if code >= 0xAC00, code <= 0xD7A3 {
            // Hangul syllables: arithmetic, section 3.12 of the Unicode Standard.
            let index = code - 0xAC00
            scalars.append(Scalar(code: 0x1100 + index / 588, combiningClass: 0))
            scalars.append(Scalar(code: 0x1161 + index % 588 / 28, combiningClass: 0))
            if index % 28 != 0 { scalars.append(Scalar(code: 0x11A7 + index % 28, combiningClass: 0)) }
        } else if let (first, second) = decompositions[code] {
            decompose(first, into: &scalars)
            if let second { decompose(second, into: &scalars) }
        } else {
            scalars.append(Scalar(code: code, combiningClass: combiningClasses[code] ?? 0))
        }
    }

    /// The canonical composition of ordered, decomposed scalars.
    func compose(_ scalars: [Scalar]) -> [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(scalars.count)
        var starter: Int?
        var lastClass: UInt8 = 0
        for scalar in scalars {
            if let starter {
                // A mark is blocked from its starter by a mark of the same or a higher class between them (definition D115).
                let adjacent = result.count == starter + 1
                let blocked = !adjacent && (lastClass == 0 || lastClass >= scalar.combiningClass)
                if !blocked, let composed = composition(result[starter], scalar.code) {
                    result[starter] = composed
                    continue
                }
            }
            if scalar.combiningClass == 0 { starter = result.count }
            lastClass = scalar.combiningClass
            result.append(scalar.code)
        }
        return result
    }

    private func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if first >= 0x1100, first < 0x1113, second >= 0x1161, second < 0x1176 {
            return 0xAC00 + ((first - 0x1100) * 21 + (second - 0x1161)) * 28
        }
        if first >= 0xAC00, first <= 0xD7A3, (first - 0xAC00) % 28 == 0, second > 0x11A7, second < 0x11C3 {
            return first + (second - 0x11A7)
        }
        return compositions[UInt64(first) << 32 | UInt64(second)]
    }
}
