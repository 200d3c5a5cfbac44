import CKernels

/// A mutable float32 matrix, row-major: what the compute thread works on.
///
/// Not `Sendable` on purpose: it never leaves the compute executor. `tensor()` makes an immutable copy that may.
public final class Rows {
    public let count: Int
    public let width: Int
    /// The first element; rows follow each other without gaps.
    public let pointer: UnsafeMutablePointer<Float>

    /// Uninitialised rows.
    public init(count: Int, width: Int) {
        self.count = count
        self.width = width
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, count * width) * MemoryLayout<Float>.stride, alignment: Storage.alignment)
        pointer = raw.bindMemory(to: Float.self, capacity: count * width)
    }

    /// Copies a float32 tensor, taking its last extent as the width.
    public convenience init(_ tensor: Tensor) throws {
        guard tensor.dtype == .float32, let width = tensor.shape.last, width > 0 else {
            throw TensorError.mismatch("rows need a float32 tensor with columns, not \(tensor.dtype.rawValue) \(tensor.shape)")
        }
        self.init(count: tensor.elementCount / width, width: width)
        tensor.withUnsafeBytes { UnsafeMutableRawPointer(pointer).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(pointer), byteCount: $0.count) }
    }

    deinit { UnsafeMutableRawPointer(pointer).deallocate() }

    /// Number of elements.
    public var elementCount: Int { count * width }

    /// The first element of a row.
    public func row(_ index: Int) -> UnsafeMutablePointer<Float> { pointer + index * width }

    /// All elements. Like `pointer`, only valid while a variable holds the rows: not on the result of a call.
    public var buffer: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: pointer, count: elementCount) }

    /// A copy of all elements.
    public var values: [Float] { withExtendedLifetime(self) { Array(buffer) } }

    /// An immutable copy with the shape `[count, width]`, or the given one.
    public func tensor(shape: [Int]? = nil) throws -> Tensor {
        try Tensor.copying(UnsafeRawBufferPointer(buffer), dtype: .float32, shape: shape ?? [count, width])
    }

    /// An immutable copy of some rows, in the given order.
    public func gathered(_ indices: [Int]) throws -> Tensor {
        let rowBytes = width * MemoryLayout<Float>.size
        let storage = Storage.filled(byteCount: indices.count * rowBytes) { bytes in
            for (place, index) in indices.enumerated() {
                bytes.baseAddress?.advanced(by: place * rowBytes).copyMemory(from: row(index), byteCount: rowBytes)
            }
        }
        return try Tensor(dtype: .float32, shape: [indices.count, width], storage: storage)
    }

    /// A copy of a range of rows.
    public func slice(_ range: Range<Int>) -> Rows {
        let copy = Rows(count: range.count, width: width)
        copy.pointer.update(from: row(range.lowerBound), count: copy.elementCount)
        return copy
    }

    /// `self += other`, elementwise; both have the same shape.
    public func add(_ other: Rows) {
        ck_add(pointer, other.pointer, min(elementCount, other.elementCount))
    }
}

extension Tensor {
    /// A tensor of its own memory with these bytes.
    public static func copying(_ bytes: UnsafeRawBufferPointer, dtype: DType, shape: [Int]) throws -> Tensor {
        let storage = Storage.filled(byteCount: bytes.count) { $0.copyMemory(from: bytes) }
        return try Tensor(dtype: dtype, shape: shape, storage: storage)
    }

    /// A float32 tensor of these values.
    public init(_ values: [Float], shape: [Int]) throws {
        self = try values.withUnsafeBytes { try Tensor.copying($0, dtype: .float32, shape: shape) }
    }

    /// An int64 tensor of these values.
    public init(_ values: [Int64], shape: [Int]) throws {
        self = try values.withUnsafeBytes { try Tensor.copying($0, dtype: .int64, shape: shape) }
    }

    /// The same numbers as float32: the tensor itself when it already is and lies on an element boundary,
    /// else a widened copy (exact from float16 and bfloat16, rounded from float64).
    ///
    /// - Throws: `TensorError.mismatch` for integers.
    public func float32() throws -> Tensor {
        try withUnsafeBytes { bytes in
            let aligned = bytes.baseAddress.map { Int(bitPattern: $0) % dtype.byteCount == 0 } ?? true
            if dtype == .float32, aligned { return self }
            guard dtype.isFloatingPoint else {
                throw TensorError.mismatch("a tensor of \(dtype.rawValue) does not hold floating-point numbers")
            }
            let storage = Storage.filled(byteCount: elementCount * 4) { target in
                Tensor.widen(bytes, from: dtype, to: target.bindMemory(to: Float.self))
            }
            return try Tensor(dtype: .float32, shape: shape, storage: storage)
        }
    }

    /// The same numbers as bfloat16, rounded to the nearest.
    ///
    /// - Throws: `TensorError.mismatch` for integers.
    public func bfloat16() throws -> Tensor {
        if dtype == .bfloat16 { return self }
        let wide = try float32()
        let storage = Storage.filled(byteCount: elementCount * 2) { target in
            wide.withUnsafeBytes { bytes in
                guard let from = bytes.bindMemory(to: Float.self).baseAddress,
                    let to = target.bindMemory(to: UInt16.self).baseAddress
                else { return }
                ck_f32_to_bf16(from, to, elementCount)
            }
        }
        return try Tensor(dtype: .bfloat16, shape: shape, storage: storage)
    }

    /// The values as float32, in order.
    public func floats() throws -> [Float] {
        let widened = try float32()
        return widened.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

    /// Widens the row `index` of a matrix into `target`, `[width]` floats, without touching other rows.
    ///
    /// - Throws: `TensorError` for a row outside the matrix or integer elements.
    public func widenRow(_ index: Int, into target: UnsafeMutablePointer<Float>) throws {
        guard shape.count == 2, index >= 0, index < shape[0], dtype.isFloatingPoint else {
            throw TensorError.extent("row \(index) of a \(dtype.rawValue) tensor of shape \(shape) cannot be read")
        }
        let rowBytes = shape[1] * dtype.byteCount
        withUnsafeBytes { bytes in
            Tensor.widen(
                UnsafeRawBufferPointer(rebasing: bytes[index * rowBytes..<(index + 1) * rowBytes]), from: dtype,
                to: UnsafeMutableBufferPointer(start: target, count: shape[1]))
        }
    }

    private static func widen(_ bytes: UnsafeRawBufferPointer, from dtype: DType, to target: UnsafeMutableBufferPointer<Float>) {
        guard let source = bytes.baseAddress, let first = target.baseAddress else { return }
        switch dtype {
        case .bfloat16: ck_bf16_to_f32(source.assumingMemoryBound(to: UInt16.self), first, target.count)
        case .float16: ck_f16_to_f32(source.assumingMemoryBound(to: UInt16.self), first, target.count)
        case .float64:
            for i in 0..<target.count { first[i] = Float(bytes.loadUnaligned(fromByteOffset: i * 8, as: Double.self)) }
        default: UnsafeMutableRawPointer(first).copyMemory(from: source, byteCount: target.count * 4)
        }
    }
}
