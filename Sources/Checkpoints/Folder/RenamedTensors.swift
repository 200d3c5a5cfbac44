import Tensors

/// A selection of another source's tensors, possibly under other names.
public struct RenamedTensors: TensorSource {
    public let names: [String]
    private let originals: [String: String]
    private let base: any TensorSource

    /// - Parameter rename: the new name of each tensor of `base`, nil to leave it out.
    /// - Throws: `CheckpointError.malformed` when two tensors get one name.
    public init(_ base: any TensorSource, _ rename: (String) -> String?) throws {
        var originals: [String: String] = [:]
        for name in base.names {
            guard let new = rename(name) else { continue }
            if let other = originals.updateValue(name, forKey: new) {
                throw CheckpointError.malformed(
                    file: base.file(of: name), field: "tensor \(quoted(name))",
                    problem: "it and \(quoted(other)) are the same tensor \(quoted(new)) of the model")
            }
        }
        self.base = base
        self.originals = originals
        names = originals.keys.sorted(by: inByteOrder)
    }

    public func descriptor(_ name: String) -> TensorDescriptor? { originals[name].flatMap { base.descriptor($0) } }

    public func file(of name: String) -> String { base.file(of: originals[name] ?? name) }

    public func tensor(_ name: String) throws -> Tensor { try base.tensor(original(name)) }

    public func withBlocks(of name: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try base.withBlocks(of: original(name), body)
    }

    private func original(_ name: String) throws -> String {
        guard let original = originals[name] else { throw CheckpointError.missingTensor(file: file(of: name), tensor: name) }
        return original
    }
}
