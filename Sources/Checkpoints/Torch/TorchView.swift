import Tensors

/// A tensor of a torch archive whose elements are known to lie within its storage.
struct TorchView: Sendable {
    let descriptor: TensorDescriptor
    /// The bytes of the storage in the file.
    let storage: Range<Int>
    /// First element, in bytes from the start of the storage.
    let start: Int
    /// In elements.
    let strides: [Int]

    /// Checks a tensor against the bytes of its storage.
    init(_ tensor: TorchTensor, storage: Range<Int>, name: String, file: String) throws {
        func damaged(_ problem: String) -> CheckpointError {
            .malformed(file: file, field: "tensor \(quoted(name))", problem: problem)
        }
        let unit = tensor.storage.dtype?.byteCount ?? 1
        let (stored, storedOverflow) = tensor.storage.count.multipliedReportingOverflow(by: unit)
        guard !storedOverflow, stored == storage.count else {
            throw damaged("its storage should have \(tensor.storage.count) elements of \(unit) bytes, but has \(storage.count) bytes")
        }
        guard let size = try? Tensor.byteCount(dtype: tensor.dtype, shape: tensor.shape) else {
            throw damaged("its shape \(tensor.shape) overflows")
        }
        // A view may repeat elements (stride 0); one larger than what is stored could ask for any amount of memory.
        guard size <= storage.count else {
            throw damaged("its shape \(tensor.shape) takes \(size) bytes, more than the \(storage.count) of its storage")
        }
        // One past the last element that is reached.
        var reach = tensor.offset
        var overflow = false
        func add(_ value: Int) {
            let (sum, overflowed) = reach.addingReportingOverflow(value)
            reach = sum
            overflow = overflow || overflowed
        }
        if size > 0 {
            for (extent, stride) in zip(tensor.shape, tensor.strides) where extent > 1 {
                let (span, overflowed) = (extent - 1).multipliedReportingOverflow(by: stride)
                overflow = overflow || overflowed
                add(span)
            }
            add(1)
        }
        let (end, endOverflow) = reach.multipliedReportingOverflow(by: tensor.dtype.byteCount)
        guard !overflow, !endOverflow, end <= storage.count else {
            throw damaged("offset \(tensor.offset) and strides \(tensor.strides) leave its storage of \(storage.count) bytes")
        }
        descriptor = TensorDescriptor(dtype: tensor.dtype, shape: tensor.shape)
        self.storage = storage
        start = tensor.offset * tensor.dtype.byteCount
        // The stride of an axis with one element is never used, and could be any number.
        strides = zip(tensor.shape, tensor.strides).map { $0 > 1 && size > 0 ? $1 : 0 }
    }

    /// Bytes of the elements.
    var byteCount: Int { descriptor.shape.reduce(descriptor.dtype.byteCount, *) }

    /// Where the elements lie in the file if they lie there in row-major order without gaps, else nil.
    var contiguousRange: Range<Int>? {
        if byteCount > 0 {
            var expected = 1
            for (extent, stride) in zip(descriptor.shape, strides).reversed() where extent != 1 {
                guard stride == expected else { return nil }
                expected *= extent
            }
        }
        return storage.lowerBound + start..<storage.lowerBound + start + byteCount
    }

    /// Copies the elements in row-major order out of the bytes of the storage.
    func gather(from bytes: UnsafeRawBufferPointer) -> Storage {
        let unit = descriptor.dtype.byteCount
        return Storage.filled(byteCount: byteCount) { output in
            var index = [Int](repeating: 0, count: strides.count)
            var element = start
            for place in stride(from: 0, to: output.count, by: unit) {
                UnsafeMutableRawBufferPointer(rebasing: output[place..<place + unit])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[element..<element + unit]))
                var axis = strides.count - 1
                while axis >= 0 {
                    index[axis] += 1
                    element += strides[axis] * unit
                    if index[axis] < descriptor.shape[axis] { break }
                    element -= index[axis] * strides[axis] * unit
                    index[axis] = 0
                    axis -= 1
                }
            }
        }
    }
}
