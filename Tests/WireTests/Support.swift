import Tensors
import Testing

@testable import Wire

/// A float32 matrix with numbers that depend on their place.
func matrix(_ rows: Int, _ width: Int, scale: Float = 0.5) throws -> Tensor {
    let storage = Storage.filled(byteCount: rows * width * 4) { bytes in
        for index in 0..<rows * width { bytes.storeBytes(of: Float(index) * scale, toByteOffset: index * 4, as: Float.self) }
    }
    return try Tensor(dtype: .float32, shape: [rows, width], storage: storage)
}

func bytes(of tensor: Tensor) -> [UInt8] { tensor.withUnsafeBytes { Array($0) } }

/// The same message, copied frame by frame as if it had crossed the wire.
func transmitted(_ message: Multipart) throws -> Multipart {
    Multipart(frames: try message.frames.map { try Frame($0.bytes) })
}

func digest(_ byte: UInt8) throws -> ExpertDigest {
    try #require(ExpertDigest(bytes: Array(repeating: byte, count: 32)))
}

extension Multipart {
    /// One to three accidents: bytes changed, cut or added, frames added or lost.
    mutating func damage(using generator: inout some RandomNumberGenerator) throws {
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let index = Int.random(in: 0..<frames.count, using: &generator)
            var bytes = frames[index].bytes
            switch Int.random(in: 0..<5, using: &generator) {
            case 0 where !bytes.isEmpty: bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            case 1 where !bytes.isEmpty: bytes.removeLast(Int.random(in: 1...bytes.count, using: &generator))
            case 2: bytes.append(contentsOf: (0..<Int.random(in: 1...40, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) })
            case 3: frames.insert(try Frame([1, 2, 3]), at: index)
            default: if frames.count > 1 { frames.remove(at: index) }
            }
            if frames.indices.contains(index) { frames[index] = try Frame(bytes) }
        }
    }
}
