/// An array as NumPy saves it: numbers in row-major order.
public struct NPYArray: Sendable, Equatable {
    /// The numbers. Other types are refused when a file is read.
    public enum Elements: Sendable, Equatable {
        case uint8([UInt8])
        case int64([Int64])
        case float32([Float])
    }

    /// Elements along each axis, the slowest first; empty for a single number.
    public let shape: [Int]
    /// As many as the product of the shape.
    public let elements: Elements

    /// How many elements there are.
    public var count: Int {
        switch elements {
        case .uint8(let values): values.count
        case .int64(let values): values.count
        case .float32(let values): values.count
        }
    }

    /// The elements as whole numbers; nil when one is not.
    public var integers: [Int]? {
        switch elements {
        case .uint8(let values): return values.map(Int.init)
        case .int64(let values): return values.map(Int.init)
        case .float32(let values):
            let whole = values.compactMap { Int(exactly: $0) }
            return whole.count == values.count ? whole : nil
        }
    }
}
