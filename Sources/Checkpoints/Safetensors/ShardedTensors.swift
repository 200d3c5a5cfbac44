import Tensors

/// A checkpoint in several files with an index, as one source of tensors.
public struct ShardedTensors<Part: TensorSource>: TensorSource {
    public let names: [String]
    /// The files, by their plain names.
    public let parts: [String: Part]
    private let index: ShardIndex
    private let indexPath: String

    /// Opens every file of the index at `indexPath` with `open`.
    ///
    /// - Throws: `CheckpointError` when the index is damaged or leaves its folder, when a file is missing or damaged, and when index
    ///   and files disagree about a tensor.
    init(indexPath: String, open: (String) throws -> Part) throws {
        index = try ShardIndex(path: indexPath)
        parts = try index.open(in: folder(of: indexPath), indexPath: indexPath, open)
        names = index.files.keys.sorted(by: inByteOrder)
        self.indexPath = indexPath
    }

    public func descriptor(_ name: String) -> TensorDescriptor? { part(name)?.descriptor(name) }

    public func file(of name: String) -> String { part(name)?.file(of: name) ?? indexPath }

    public func tensor(_ name: String) throws -> Tensor { try requiredPart(name).tensor(name) }

    public func withBlocks(of name: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try requiredPart(name).withBlocks(of: name, body)
    }

    private func part(_ name: String) -> Part? { index.files[name].flatMap { parts[$0] } }

    private func requiredPart(_ name: String) throws -> Part {
        guard let part = part(name) else { throw CheckpointError.missingTensor(file: indexPath, tensor: name) }
        return part
    }
}

/// Several safetensors files with `model.safetensors.index.json`.
public typealias ShardedSafetensors = ShardedTensors<SafetensorsFile>

extension ShardedTensors<SafetensorsFile> {
    /// Opens the index and every file that it names.
    public init(indexPath: String, reading mode: ReadMode = .mapped) throws {
        try self.init(indexPath: indexPath) { try SafetensorsFile(path: $0, reading: mode) }
    }

    /// The `__metadata__` of all files together; of equal keys, that of the last file by name.
    public var metadata: [String: String] {
        parts.sorted { inByteOrder($0.key, $1.key) }.reduce(into: [:]) { $0.merge($1.value.metadata) { $1 } }
    }
}

/// The folder that a path lies in; "." for a bare name.
func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
