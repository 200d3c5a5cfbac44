import Tensors

/// The numbers that follow an envelope of the trainer protocol: float32 behind each other, cut into payload frames that
/// are all full (`WireLimits.payload`) but the last. No numbers, no frame.
struct NumberPayload {
    /// How many numbers there are.
    let count: Int
    private let frames: ArraySlice<Frame>

    /// Checks received frames against the count that the envelope announces, without looking at their bytes.
    init(of message: Multipart, count: Int, _ reader: FieldReader) throws(WireError) {
        let frames = message.frames.dropFirst(2)
        try Self.check(count, reader)
        let expected = Self.frameCount(of: count)
        guard frames.count == expected else {
            throw reader.failure("payload", "has \(frames.count) frames, but \(count) float32 numbers take \(expected)")
        }
        var left = count * 4
        for frame in frames {
            let size = min(left, WireLimits.payload)
            guard frame.count == size else {
                throw reader.failure("payload", "has a frame of \(frame.count) bytes where \(size) belong, of \(count) float32 numbers")
            }
            left -= size
        }
        self.count = count
        self.frames = frames
    }

    /// The numbers as one float32 tensor, copied once, to a cache-line boundary.
    ///
    /// - Parameter shape: as many elements as there are numbers; `[count]` if there is none.
    func tensor(shape: [Int]? = nil, _ reader: FieldReader) throws(WireError) -> Tensor {
        let storage = Storage.filled(byteCount: count * 4) { target in
            var offset = 0
            for frame in frames {
                frame.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: target[offset...]).copyMemory(from: $0) }
                offset += frame.count
            }
        }
        return try Self.view(of: storage, shape: shape ?? [count], byteOffset: 0, reader)
    }

    /// Frames that show the bytes of `tensor` without copying them.
    static func frames(showing tensor: Tensor, _ reader: FieldReader) throws(WireError) -> [Frame] {
        guard tensor.dtype == .float32 else { throw reader.failure("payload", "is \(tensor.dtype.rawValue), only float32 can be sent") }
        let count = tensor.elementCount
        try check(count, reader)
        var frames: [Frame] = []
        frames.reserveCapacity(frameCount(of: count))
        for first in stride(from: 0, to: count, by: numbersOfAFrame) {
            let part = try view(
                of: tensor.storage, shape: [min(numbersOfAFrame, count - first)], byteOffset: tensor.byteOffset + first * 4, reader)
            frames.append(try Frame(showing: part))
        }
        return frames
    }

    private static let numbersOfAFrame = WireLimits.payload / 4

    private static func frameCount(of numbers: Int) -> Int { (numbers + numbersOfAFrame - 1) / numbersOfAFrame }

    private static func check(_ count: Int, _ reader: FieldReader) throws(WireError) {
        guard count >= 0 else { throw reader.failure("numbers", "is \(count)") }
        guard count <= WireLimits.trainingNumbers else {
            throw .tooLarge(field: "\(reader.message) 'numbers'", size: count, limit: WireLimits.trainingNumbers)
        }
    }

    private static func view(
        of storage: Storage, shape: [Int], byteOffset: Int, _ reader: FieldReader
    ) throws(WireError) -> Tensor {
        do {
            return try Tensor(dtype: .float32, shape: shape, storage: storage, byteOffset: byteOffset)
        } catch {
            throw reader.failure("payload", "is impossible: \(error)")
        }
    }
}
