import Checkpoints
import Tensors

extension Parameter {
    /// An immutable copy of the values, with the parameter's shape.
    func tensor() throws -> Tensor { try value.tensor(shape: shape) }
}

/// Tensors of a checkpoint, some of them replaced by what was learnt; all in float32.
struct OverlaidTensors: TensorSource {
    let names: [String]
    private let base: any TensorSource
    private let learnt: MemoryTensors

    /// - Parameters:
    ///   - base: where tensors lie that were not learnt.
    ///   - parameters: what was learnt; copied.
    init(_ base: any TensorSource, _ parameters: [Parameter]) throws {
        self.base = base
        learnt = MemoryTensors(try Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, try $0.tensor()) }))
        names = Set(base.names).union(learnt.names).sorted()
    }

    func descriptor(_ name: String) -> TensorDescriptor? {
        (learnt.descriptor(name) ?? base.descriptor(name)).map { TensorDescriptor(dtype: .float32, shape: $0.shape) }
    }

    func tensor(_ name: String) throws -> Tensor {
        try learnt.descriptor(name) == nil ? base.tensor(name).float32() : learnt.tensor(name)
    }

    func file(of name: String) -> String { base.file(of: name) }
}
