import Checkpoints
import Tensors

extension Parameter {
    /// An immutable copy of the values, with the parameter's shape.
    func tensor() throws -> Tensor { try value.tensor(shape: shape) }
}

/// Tensors of a checkpoint, some of them replaced by what was learnt.
struct OverlaidTensors: TensorSource {
    let names: [String]
    private let base: any TensorSource
    private let learnt: MemoryTensors
    /// What the learnt tensors are stored as.
    private let dtype: DType

    /// - Parameters:
    ///   - base: where tensors lie that were not learnt.
    ///   - parameters: what was learnt; copied.
    ///   - dtype: `.float32` or `.bfloat16`; tensors of the base are stored as it, too.
    init(_ base: any TensorSource, _ parameters: [Parameter], dtype: DType = .float32) throws {
        self.base = base
        self.dtype = dtype
        learnt = MemoryTensors(try Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, try $0.tensor()) }))
        names = Set(base.names).union(learnt.names).sorted()
    }

    func descriptor(_ name: String) -> TensorDescriptor? {
        (learnt.descriptor(name) ?? base.descriptor(name)).map { TensorDescriptor(dtype: dtype, shape: $0.shape) }
    }

    func tensor(_ name: String) throws -> Tensor {
        let tensor = try learnt.descriptor(name) == nil ? base.tensor(name) : learnt.tensor(name)
        return dtype == .bfloat16 ? try tensor.bfloat16() : try tensor.float32()
    }

    func file(of name: String) -> String { base.file(of: name) }
}
