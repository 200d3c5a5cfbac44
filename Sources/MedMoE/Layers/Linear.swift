import CKernels
import Tensors

/// `x Wᵀ + b`, as PyTorch's `Linear`.
struct Linear: Sendable {
    /// Float32, `[outer, inner]`.
    let weight: Tensor
    /// Float32, `[outer]`.
    let bias: Tensor?

    /// - Parameter x: `[rows, inner]`
    /// - Returns: `[rows, outer]`
    func callAsFunction(_ x: Rows, _ context: ComputeContext) throws -> Rows {
        let y = try context.multiply(x, weight)
        if let bias {
            bias.withFloats { ck_add_bias(y.pointer, $0, y.count, y.width) }
        }
        return y
    }
}

/// Layer normalisation with weight and bias, row by row.
struct LayerNorm: Sendable {
    /// Float32, `[width]`.
    let weight: Tensor
    /// Float32, `[width]`.
    let bias: Tensor
    let epsilon: Float

    func callAsFunction(_ x: Rows, _ context: ComputeContext) -> Rows {
        let y = Rows(count: x.count, width: x.width)
        weight.withFloats { weight in
            bias.withFloats { bias in
                context.forEachBlock(of: x) { first, count in
                    ck_layer_norm(x.row(first), weight, bias, epsilon, y.row(first), count, x.width)
                }
            }
        }
        return y
    }
}

extension Tensor {
    /// The values of a float32 tensor, valid while `body` runs.
    func withFloats<R>(_ body: (UnsafePointer<Float>) throws -> R) rethrows -> R {
        // Storage of an empty tensor may have no address; no kernel reads it then.
        try withUnsafeBytes { bytes in
            try body(bytes.bindMemory(to: Float.self).baseAddress ?? UnsafePointer(bitPattern: 64).unsafelyUnwrapped)
        }
    }
}

extension ComputeContext {
    /// Shares the rows of a matrix among the threads in blocks worth a thread's while.
    func forEachBlock(of x: Rows, _ body: (_ first: Int, _ count: Int) -> Void) {
        let block = max(1, 16_384 / max(1, x.width))
        pool.forEach((x.count + block - 1) / block) { index in
            body(index * block, min(block, x.count - index * block))
        }
    }
}
