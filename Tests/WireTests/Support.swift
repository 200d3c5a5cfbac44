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
