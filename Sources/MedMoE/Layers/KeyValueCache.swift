import CKernels
import Foundation
import Tensors

/// Keys and values of one sequence, for all layers.
///
/// Room for the whole sequence is reserved at the start (the operating system gives pages as they are written), so that
/// nothing is ever moved. Keys lie transposed, `[head][number][position]`: scores of sixteen positions are then one
/// running sum, in the same order whatever the size of a prefill chunk.
final class KeyValueCache {
    /// Positions that fit.
    let capacity: Int
    /// Positions that are valid. A step writes behind it and advances it only when the whole step succeeded.
    private(set) var length = 0
    let heads: Int
    let headSize: Int
    private let keys: [UnsafeMutablePointer<Float>]
    private let values: [UnsafeMutablePointer<Float>]

    /// - Throws: `TensorError.extent` when the memory cannot be had.
    init(layers: Int, heads: Int, headSize: Int, positions: Int) throws {
        let block = CK_KEY_BLOCK
        capacity = (positions + block - 1) / block * block
        self.heads = heads
        self.headSize = headSize
        var buffers: [UnsafeMutablePointer<Float>] = []
        for _ in 0..<layers * 2 {
            guard let raw = calloc(capacity * heads * headSize, MemoryLayout<Float>.size) else {
                buffers.forEach { free($0) }
                throw TensorError.extent("no memory for the keys and values of \(positions) positions")
            }
            buffers.append(raw.bindMemory(to: Float.self, capacity: capacity * heads * headSize))
        }
        keys = Array(buffers[..<layers])
        values = Array(buffers[layers...])
    }

    deinit {
        keys.forEach { free($0) }
        values.forEach { free($0) }
    }

    /// Bytes reserved.
    var byteCount: Int { keys.count * 2 * capacity * heads * headSize * MemoryLayout<Float>.size }

    /// Keys of one head, `[headSize, capacity]`.
    func keys(layer: Int, head: Int) -> UnsafeMutablePointer<Float> { keys[layer] + head * headSize * capacity }

    /// Values of one head, `[capacity, headSize]`.
    func values(layer: Int, head: Int) -> UnsafeMutablePointer<Float> { values[layer] + head * capacity * headSize }

    /// Writes keys and values of some rows at consecutive positions.
    ///
    /// - Parameters:
    ///   - key: rows of `heads · headSize`, already rotated; `stride` floats apart.
    ///   - value: the same for values.
    func write(
        layer: Int, position: Int, count: Int, key: UnsafePointer<Float>, value: UnsafePointer<Float>, stride: Int
    ) {
        for head in 0..<heads {
            let k = keys(layer: layer, head: head)
            let v = values(layer: layer, head: head)
            for row in 0..<count {
                let from = row * stride + head * headSize
                for d in 0..<headSize { k[d * capacity + position + row] = key[from + d] }
                (v + (position + row) * headSize).update(from: value + from, count: headSize)
            }
        }
    }

    /// Makes `count` more positions valid.
    func advance(by count: Int) { length = min(capacity, length + count) }

    /// Forgets positions from `length` on.
    func truncate(to length: Int) { self.length = min(self.length, max(0, length)) }
}
