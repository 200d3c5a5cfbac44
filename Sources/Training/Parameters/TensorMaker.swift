import Tensors

/// Collects new weights by name.
struct TensorMaker {
    var initial: Initialisation
    var tensors: [String: Tensor] = [:]

    init(_ initial: Initialisation) { self.initial = initial }

    /// `NAME.weight` and, when `bias` is set, `NAME.bias`.
    mutating func linear(_ name: String, _ outer: Int, _ inner: Int, bias: Bool = true) throws {
        tensors["\(name).weight"] = try initial.linear(outer, inner).tensor(shape: [outer, inner])
        if bias { tensors["\(name).bias"] = try initial.bias(outer, inner: inner).tensor(shape: [outer]) }
    }

    /// Weight one, bias zero.
    mutating func norm(_ name: String, _ width: Int) throws {
        tensors["\(name).weight"] = try initial.constant(1, width, 1).tensor(shape: [width])
        tensors["\(name).bias"] = try initial.constant(1, width, 0).tensor(shape: [width])
    }

    /// A layer of a CLIP-style tower, with an inner width of four times the width.
    mutating func encoderLayer(_ prefix: String, width: Int) throws {
        for name in ["layer_norm1", "layer_norm2"] { try norm("\(prefix).\(name)", width) }
        for name in ["q_proj", "k_proj", "v_proj", "out_proj"] { try linear("\(prefix).self_attn.\(name)", width, width) }
        try linear("\(prefix).mlp.fc1", 4 * width, width)
        try linear("\(prefix).mlp.fc2", width, 4 * width)
    }
}
