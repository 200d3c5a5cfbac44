import ArgumentParser

/// A number of bytes as people write it: 800M, 2G, 1500MiB, 3000000.
struct ByteSize: Sendable, Hashable, ExpressibleByArgument, CustomStringConvertible {
    let bytes: Int

    /// Decimal units (K, M, G, T, with or without B) and binary ones (Ki, Mi, Gi, Ti, with or without B), in either case.
    init?(argument: String) {
        let text = argument.lowercased()
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let number = Double(digits), number.isFinite, number > 0 else { return nil }
        var unit = text.dropFirst(digits.count)
        if unit.last == "b" { unit = unit.dropLast() }
        let base: Double = unit.last == "i" ? 1024 : 1000
        if base == 1024 { unit = unit.dropLast() }
        var factor = 1.0
        if !unit.isEmpty {
            guard let power = ["k", "m", "g", "t"].firstIndex(of: String(unit)) else { return nil }
            for _ in 0...power { factor *= base }
        } else if base == 1024 {
            return nil
        }
        guard number * factor < 9e18 else { return nil }
        bytes = Int(number * factor)
    }

    var description: String { "\(bytes)" }
}
