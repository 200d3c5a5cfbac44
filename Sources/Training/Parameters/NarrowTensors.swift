import Checkpoints
import Tensors

extension PublishedCheckpoint {
    /// The checkpoint with model and tower in bfloat16, half as large; `.float32` leaves it as it is.
    func stored(as dtype: DType) -> PublishedCheckpoint {
        guard dtype == .bfloat16 else { return self }
        var checkpoint = self
        checkpoint.model = NarrowTensors(wide: model)
        checkpoint.tower = NarrowTensors(wide: tower)
        checkpoint.config["torch_dtype"] = .string("bfloat16")
        return checkpoint
    }
}

/// Tensors of a checkpoint, those in float32 rounded to bfloat16.
private struct NarrowTensors: TensorSource {
    let wide: any TensorSource

    var names: [String] { wide.names }

    func descriptor(_ name: String) -> TensorDescriptor? {
        wide.descriptor(name).map { TensorDescriptor(dtype: $0.dtype == .float32 ? .bfloat16 : $0.dtype, shape: $0.shape) }
    }

    func tensor(_ name: String) throws -> Tensor {
        let tensor = try wide.tensor(name)
        return tensor.dtype == .float32 ? try tensor.bfloat16() : tensor
    }

    func file(of name: String) -> String { wide.file(of: name) }
}
