import Tensors

/// A torch archive (`pytorch_model.bin`, `*.pth`) as a source of tensors. Nothing in it is ever executed.
///
/// Read is the zip format that `torch.save` writes since 1.6, with a state dict at the top or one level below
/// (`state_dict`, `model`, `module`). Row-major tensors are views of the mapped file.
public struct TorchArchive: TensorSource {
    public let names: [String]
    private let file: CheckpointFile
    private let views: [String: TorchView]
    private let mapping: Storage?

    /// Largest pickle, in bytes.
    static let pickleLimit = 64 << 20

    /// Opens and checks an archive.
    ///
    /// - Throws: `CheckpointError.unsupported` for the older formats, `.refusedPickle` for a pickle that wants more than tensors,
    ///   `.malformed` and `.limit` for damage.
    public init(path: String, reading mode: ReadMode = .mapped) throws {
        let file = try CheckpointFile(path: path)
        try TorchArchive.refuseOlderFormats(file)
        let zip = try ZipArchive(file)
        let pickles = zip.entries.keys.filter { $0.hasSuffix("/data.pkl") && $0.utf8.count(where: { $0 == UInt8(ascii: "/") }) == 1 }
        guard let pickleName = pickles.first, pickles.count == 1, let pickle = zip.entries[pickleName] else {
            throw CheckpointError.malformed(file: path, field: "zip entries", problem: "there is not exactly one NAME/data.pkl")
        }
        let prefix = String(pickleName.dropLast("data.pkl".count))
        guard zip.entries[prefix + "constants.pkl"] == nil else {
            throw CheckpointError.unsupported(file: path, what: "a TorchScript program", hint: "save its state_dict() as safetensors")
        }
        if let order = zip.entries[prefix + "byteorder"] {
            guard order.data.count <= 16, try file.array(order.data) == Array("little".utf8) else {
                throw CheckpointError.unsupported(file: path, what: "a byte order other than little", hint: "save the weights on a little-endian machine")
            }
        }
        guard pickle.data.count <= Self.pickleLimit else {
            throw CheckpointError.limit(file: path, field: "the size of the pickle", value: pickle.data.count, limit: Self.pickleLimit)
        }
        let program = try file.array(pickle.data)
        guard CRC32.of(program) == pickle.checksum else {
            throw CheckpointError.malformed(file: path, field: "data.pkl", problem: "its checksum is wrong")
        }
        let (value, heap) = try PickleMachine.run(program, file: path)
        var views: [String: TorchView] = [:]
        for (name, tensor) in try TorchArchive.stateDict(value, heap, file: path) {
            guard !name.isEmpty, let entry = zip.entries[prefix + "data/" + tensor.storage.key] else {
                throw CheckpointError.malformed(
                    file: path, field: "tensor \(quoted(name))", problem: "its storage \(quoted(tensor.storage.key)) is not in the archive")
            }
            let view = try TorchView(tensor, storage: entry.data, name: name, file: path)
            guard views.updateValue(view, forKey: name) == nil else {
                throw CheckpointError.malformed(file: path, field: "tensor \(quoted(name))", problem: "the name occurs twice")
            }
        }
        self.file = file
        self.views = views
        names = views.keys.sorted(by: inByteOrder)
        mapping = mode == .mapped ? try file.map() : nil
    }

    /// The file behind the tensors.
    var checkpointFile: CheckpointFile { file }

    /// Torch archives carry none.
    var metadata: [String: String] { [:] }

    public func descriptor(_ name: String) -> TensorDescriptor? { views[name]?.descriptor }

    public func file(of name: String) -> String { file.path }

    public func tensor(_ name: String) throws -> Tensor {
        let view = try view(name)
        if let range = view.contiguousRange { return try file.tensor(view.descriptor, at: range, mapping: mapping) }
        let storage = try mapping ?? file.read(view.storage)
        let start = mapping == nil ? 0 : view.storage.lowerBound
        return try withExtendedLifetime(storage) {
            let bytes = UnsafeRawBufferPointer(rebasing: storage.bytes[start..<start + view.storage.count])
            return try Tensor(dtype: view.descriptor.dtype, shape: view.descriptor.shape, storage: view.gather(from: bytes))
        }
    }

    public func withBlocks(of name: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        if let range = try view(name).contiguousRange {
            try file.withBlocks(of: range, body)
        } else {
            try tensor(name).withUnsafeBytes(body)
        }
    }

    private func view(_ name: String) throws -> TorchView {
        guard let view = views[name] else { throw CheckpointError.missingTensor(file: file.path, tensor: name) }
        return view
    }

    /// The keys below which trainers put the state dict.
    private static let wrappers = ["state_dict", "model", "module"]

    /// Finds the tensors at the top or one level below.
    private static func stateDict(
        _ value: PickleValue, _ heap: PickleHeap, file: String
    ) throws -> [(String, TorchTensor)] {
        func damaged(_ problem: String) -> CheckpointError { .malformed(file: file, field: "state dict", problem: problem) }
        guard let top = heap.members(value) else { throw damaged("the archive holds \(value.kind) instead of a dict with names as keys") }
        func isTensor(_ value: PickleValue) -> Bool { if case .tensor = value { true } else { false } }
        var members = top
        if !top.contains(where: { isTensor($0.value) }) {
            let inner = wrappers.compactMap { key in top.first { $0.key == key }.flatMap { heap.members($0.value) } }.first
            guard let inner else { throw damaged("there are no tensors, neither at the top nor below \(wrappers.joined(separator: ", "))") }
            members = inner
        }
        return try members.map { name, value in
            guard case .tensor(let box) = value else { throw damaged("\(quoted(name)) is \(value.kind), not a tensor") }
            return (name, heap.tensors[box])
        }
    }

    /// Recognises what `torch.save` wrote before the zip format, and files that were never downloaded.
    private static func refuseOlderFormats(_ file: CheckpointFile) throws {
        let head = try file.array(0..<min(file.size, 512))
        let hint = "load it with torch and save it again with torch.save of torch 1.6 or later, best as safetensors"
        // The pickled magic number 0x1950a86a20f9469cfc6c, in any protocol with LONG1.
        if head.prefix(16).contains(subsequence: [0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]) {
            throw CheckpointError.unsupported(file: file.path, what: "the format of torch before 1.6 (a bare pickle)", hint: hint)
        }
        if head.count > 262, Array(head[257..<262]) == Array("ustar".utf8) {
            throw CheckpointError.unsupported(file: file.path, what: "the tar format of torch before 0.2", hint: hint)
        }
        try file.refusePointer(head)
    }
}

/// Several torch archives with `pytorch_model.bin.index.json`.
public typealias ShardedTorchArchive = ShardedTensors<TorchArchive>

extension ShardedTensors<TorchArchive> {
    /// Opens the index and every file that it names.
    public init(indexPath: String, reading mode: ReadMode = .mapped) throws {
        try self.init(indexPath: indexPath) { try TorchArchive(path: $0, reading: mode) }
    }
}

extension CheckpointFile {
    /// Recognises the few lines that `git clone` leaves in place of a large file.
    func refusePointer(_ head: [UInt8]) throws {
        if head.starts(with: "version https://git-lfs".utf8) {
            throw CheckpointError.unsupported(
                file: path, what: "a Git LFS pointer instead of the file itself", hint: "run `git lfs pull` in the folder it came from")
        }
    }
}

extension Sequence<UInt8> {
    /// Whether `pattern` occurs anywhere.
    fileprivate func contains(subsequence pattern: [UInt8]) -> Bool {
        let bytes = Array(self)
        return bytes.indices.contains { bytes[$0...].starts(with: pattern) }
    }
}
