import Checkpoints
import Tensors

/// A checkpoint of a stage that is not finished, opened to go on from it.
struct SavedStage {
    /// Updates that were made until then.
    let update: Int
    /// The folder.
    let path: String
    /// Weights, by their published names.
    let values: any TensorSource
    /// The optimiser's state, and values that have no place in the published layout, as `WorkFolder.name` calls them.
    let moments: any TensorSource

    /// What the checkpoint knows of a tensor.
    ///
    /// - Throws: `CheckpointError` that names the file when it is missing or has another shape.
    func tensor(_ state: LearningState, _ name: String, shape: [Int]) throws -> Tensor {
        let own = WorkFolder.name(state, name)
        if state != .value || moments.descriptor(own) != nil { return try moments.tensor(own, shape: shape).float32() }
        return try values.tensor(name, shape: shape).float32()
    }

    /// Takes parameters and their optimiser back to this checkpoint.
    ///
    /// - Throws: `CheckpointError`, which names the file and the tensor.
    func restore(_ optimiser: AdamW) throws {
        for (parameter, moments) in zip(optimiser.parameters, optimiser.moments) {
            try parameter.value.fill(from: tensor(.value, parameter.name, shape: parameter.shape))
            try moments.mean.fill(from: tensor(.mean, parameter.name, shape: parameter.shape))
            try moments.variance.fill(from: tensor(.variance, parameter.name, shape: parameter.shape))
        }
        optimiser.clearGradients()
        optimiser.resume(after: update)
    }
}

extension Rows {
    /// Takes the values of a tensor with as many elements.
    fileprivate func fill(from tensor: Tensor) throws {
        let values = try tensor.float32()
        guard values.elementCount == elementCount else {
            throw TensorError.mismatch("a tensor of shape \(tensor.shape) cannot fill \(count) rows of \(width)")
        }
        values.withUnsafeBytes { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: $0) }
    }
}
