import Tensors

/// One safetensors file as a source of tensors.
///
/// The header is checked completely when the file is opened. Tensors are views of the mapped file; one that is not aligned to
/// its element is copied.
public struct SafetensorsFile: TensorSource {
    public let names: [String]
    /// The strings that the writer put beside the tensors.
    public let metadata: [String: String]
    private let file: CheckpointFile
    private let entries: [String: SafetensorsHeader.Entry]
    /// The mapped file, or nil when tensors are read one by one.
    private let mapping: Storage?

    /// Opens and checks a file.
    ///
    /// - Throws: `CheckpointError` that names the file and the part of the header at fault.
    public init(path: String, reading mode: ReadMode = .mapped) throws {
        let file = try CheckpointFile(path: path)
        let header = try SafetensorsHeader(of: file)
        self.file = file
        entries = header.entries
        metadata = header.metadata
        names = header.entries.keys.sorted(by: inByteOrder)
        mapping = mode == .mapped ? try file.map() : nil
    }

    /// The path that was opened.
    public var path: String { file.path }

    /// The file behind the tensors.
    var checkpointFile: CheckpointFile { file }

    public func descriptor(_ name: String) -> TensorDescriptor? { entries[name]?.descriptor }

    public func file(of name: String) -> String { file.path }

    public func tensor(_ name: String) throws -> Tensor {
        let entry = try entry(name)
        return try file.tensor(entry.descriptor, at: entry.range, mapping: mapping)
    }

    public func withBlocks(of name: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try file.withBlocks(of: try entry(name).range, body)
    }

    private func entry(_ name: String) throws -> SafetensorsHeader.Entry {
        guard let entry = entries[name] else { throw CheckpointError.missingTensor(file: file.path, tensor: name) }
        return entry
    }
}

extension CheckpointFile {
    /// The tensor whose elements lie row-major in `range`: a view of `mapping`, or a copy where there is none or where the
    /// start is not aligned to the element.
    func tensor(_ descriptor: TensorDescriptor, at range: Range<Int>, mapping: Storage?) throws -> Tensor {
        if let mapping, range.lowerBound % descriptor.dtype.byteCount == 0 {
            return try Tensor(
                dtype: descriptor.dtype, shape: descriptor.shape, storage: mapping, byteOffset: range.lowerBound)
        }
        return try Tensor(dtype: descriptor.dtype, shape: descriptor.shape, storage: try read(range))
    }
}

/// The order of names everywhere: by their UTF-8 bytes, the same in every language and locale.
func inByteOrder(_ left: String, _ right: String) -> Bool { left.utf8.lexicographicallyPrecedes(right.utf8) }
