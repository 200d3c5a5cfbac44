import ArgumentParser

/// Bits per second as `tc` writes them: 100mbit, 2gbit, 64kbit.
struct BitRate: ExpressibleByArgument {
    let bitsPerSecond: Int

    init?(argument: String) {
        guard let value = Quantity.read(argument, units: ["bit": 1, "kbit": 1e3, "mbit": 1e6, "gbit": 1e9]) else { return nil }
        bitsPerSecond = Int(value)
    }
}

/// A time: 5ms, 200us, 1s.
struct TimeSpan: ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        guard let value = Quantity.read(argument, units: ["us": 1, "ms": 1e3, "s": 1e6]), value <= 6e7 else { return nil }
        duration = .microseconds(Int(value))
    }
}

/// Bytes: 2G, 512M.
struct MemorySize: ExpressibleByArgument {
    let bytes: Int

    init?(argument: String) {
        guard let value = Quantity.read(argument, units: ["": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12]) else { return nil }
        bytes = Int(value)
    }
}

/// A number with a unit behind it.
enum Quantity {
    /// - Returns: nil when it is not positive and below 10^15, or the unit is none of `units`
    static func read(_ text: String, units: [String: Double]) -> Double? {
        let lower = text.lowercased()
        let digits = lower.prefix { ("0"..."9").contains($0) || $0 == "." }
        guard let number = Double(digits), let factor = units[String(lower.dropFirst(digits.count))] else { return nil }
        let value = number * factor
        return value > 0 && value < 1e15 ? value : nil
    }
}
