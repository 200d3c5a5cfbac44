import Tensors

/// The few things that a pickle of tensors may name. A name is only ever compared with this list; nothing is imported or called.
enum PickleGlobal: Sendable, Hashable {
    /// `collections.OrderedDict`
    case orderedDict
    /// `torch._utils._rebuild_tensor_v2`: (storage, offset, size, stride, requires_grad, hooks[, metadata])
    case rebuildTensor
    /// `torch._utils._rebuild_tensor_v3`: the same with a dtype before the metadata, over an untyped storage
    case rebuildTypedTensor
    /// `torch._utils._rebuild_parameter`: (tensor, requires_grad, hooks)
    case rebuildParameter
    /// `torch.Size`
    case size
    /// `torch.FloatStorage` and its like
    case typedStorage(DType)
    /// `torch.storage.UntypedStorage`: bytes
    case untypedStorage
    /// `torch.float32` and its like
    case dtype(DType)

    /// Finds an allowed global, or nil.
    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"): self = .orderedDict
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTypedTensor
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch", "Size"): self = .size
        case ("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"): self = .untypedStorage
        case ("torch", _):
            if let dtype = PickleGlobal.storages[name] {
                self = .typedStorage(dtype)
            } else if let dtype = PickleGlobal.dtypes[name] {
                self = .dtype(dtype)
            } else {
                return nil
            }
        default: return nil
        }
    }

    private static let storages: [String: DType] = [
        "FloatStorage": .float32, "HalfStorage": .float16, "BFloat16Storage": .bfloat16, "DoubleStorage": .float64,
        "LongStorage": .int64, "IntStorage": .int32, "ShortStorage": .int16, "CharStorage": .int8, "ByteStorage": .uint8,
        "BoolStorage": .bool,
    ]

    private static let dtypes: [String: DType] = [
        "float32": .float32, "float16": .float16, "bfloat16": .bfloat16, "float64": .float64, "int64": .int64, "int32": .int32,
        "int16": .int16, "int8": .int8, "uint8": .uint8, "bool": .bool,
    ]
}
