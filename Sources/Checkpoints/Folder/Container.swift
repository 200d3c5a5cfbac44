import Tensors

/// One file with tensors, as a part of a container.
protocol ContainerPart: TensorSource {
    var checkpointFile: CheckpointFile { get }
    /// The strings that the writer put beside the tensors.
    var metadata: [String: String] { get }
}

extension SafetensorsFile: ContainerPart {}
extension TorchArchive: ContainerPart {}

/// The files of a folder that hold its tensors, opened as one source.
public struct Container: Sendable {
    /// How tensors are stored.
    public enum Kind: String, Sendable {
        case safetensors
        case shardedSafetensors = "sharded safetensors"
        case torch = "torch archive"
        case shardedTorch = "sharded torch archives"
    }

    public let kind: Kind
    /// The file that was opened: the tensors themselves, or the index.
    public let path: String
    /// Other files of the folder that also hold tensors and were left alone, by name. Safetensors go before torch archives.
    public let ignored: [String]
    /// All tensors under the names that the files use.
    public let source: any TensorSource
    let parts: [any ContainerPart]

    /// Finds and opens the container in a folder.
    ///
    /// - Throws: `CheckpointError.missingFile` when there is none, and what opening it throws.
    public init(folder: String, reading mode: ReadMode = .mapped) throws {
        let names = try namesInFolder(folder)
        let single = names.filter { $0.hasSuffix(".pth") }
        let candidates: [(Kind, String)] = [
            (.safetensors, "model.safetensors"), (.shardedSafetensors, "model.safetensors.index.json"),
            (.torch, "pytorch_model.bin"), (.shardedTorch, "pytorch_model.bin.index.json"),
        ].filter { names.contains($0.1) } + (single.count == 1 ? [(.torch, single[0])] : [])
        guard let (kind, name) = candidates.first else {
            throw CheckpointError.missingFile(
                folder: folder, what: "file with tensors",
                hint: "looked for model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json and a single *.pth"
                    + (single.count > 1 ? ", but found \(single.count) files *.pth" : ""))
        }
        self.kind = kind
        path = joined(folder, name)
        ignored = candidates.dropFirst().map(\.1)
        switch kind {
        case .safetensors: (source, parts) = Container.alone(try SafetensorsFile(path: path, reading: mode))
        case .torch: (source, parts) = Container.alone(try TorchArchive(path: path, reading: mode))
        case .shardedSafetensors: (source, parts) = Container.together(try ShardedSafetensors(indexPath: path, reading: mode))
        case .shardedTorch: (source, parts) = Container.together(try ShardedTorchArchive(indexPath: path, reading: mode))
        }
    }

    private static func alone(_ part: some ContainerPart) -> (any TensorSource, [any ContainerPart]) { (part, [part]) }

    private static func together<Part: ContainerPart>(_ sharded: ShardedTensors<Part>) -> (any TensorSource, [any ContainerPart]) {
        (sharded, sharded.parts.sorted { inByteOrder($0.key, $1.key) }.map(\.value))
    }
}
