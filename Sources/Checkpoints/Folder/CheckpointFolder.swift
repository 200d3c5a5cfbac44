import Tensors

/// A checkpoint as it lies in a folder: tensors in whatever container, configuration, tokenizer, image tower.
public struct CheckpointFolder: Sendable {
    /// The folder.
    public let path: String
    /// The files with the tensors.
    public let container: Container
    /// The language model's tensors: all but the image tower and buffers that follow from the configuration.
    public let model: any TensorSource
    /// `config.json`, which every checkpoint has.
    public let configPath: String
    /// `preprocessor_config.json` of the checkpoint itself, where there is one; the tower may have its own.
    public let preprocessorConfigPath: String?
    /// The files that define the tokenizer, sorted by name. Empty in a worker's shard.
    public let tokenizerPaths: [String]
    /// Further files that belong to the tokenizer or to generation, which a copy of the checkpoint should carry.
    let companionPaths: [String]
    /// Which part of a model this folder holds.
    public let role: ShardRole
    /// What `config.json` says, key by key.
    package let config: JSONValue
    private let tower: Result<ImageTower, any Error>

    /// Opens a checkpoint.
    ///
    /// - Parameters:
    ///   - imageTower: a folder with the image tower that goes before everything else (`--image-tower`).
    ///   - mode: how tensors get into memory.
    /// - Throws: `CheckpointError`. A missing image tower is thrown only by `imageTower()`: workers need none.
    public init(path: String, imageTower: String? = nil, reading mode: ReadMode = .mapped) throws {
        let names = try namesInFolder(path)
        guard names.contains("config.json") else {
            throw CheckpointError.missingFile(folder: path, what: "config.json", hint: "name the folder of a Hugging Face checkpoint")
        }
        let configPath = joined(path, "config.json")
        let config = try JSONValue.read(path: configPath)
        guard case .object = config else {
            throw CheckpointError.malformed(file: configPath, field: "JSON", problem: "it is not an object")
        }
        let container = try Container(folder: path, reading: mode)
        self.path = path
        self.container = container
        self.config = config
        self.configPath = configPath
        model = try RenamedTensors(container.source) { name in
            switch TensorNames.role(of: name) {
            case .tower, .derived: nil
            default: name
            }
        }
        role = try ShardRole(config: config, file: configPath)
        preprocessorConfigPath = names.contains("preprocessor_config.json") ? joined(path, "preprocessor_config.json") : nil
        let defining = ["tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json"]
        let companions = ["tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "preprocessor_config.json"]
        tokenizerPaths = names.filter { defining.contains($0) || $0.hasSuffix(".tiktoken") }.map { joined(path, $0) }
        companionPaths = names.filter { companions.contains($0) }.map { joined(path, $0) }
        tower = Result {
            try ImageTower(checkpoint: path, container: container, config: config, named: imageTower, reading: mode)
        }
    }

    /// The image tower.
    ///
    /// - Throws: `CheckpointError.towerNotLocal` when config.json only gives a hub name, `.missingFile` when it gives none, and what
    ///   opening its files throws.
    public func imageTower() throws -> ImageTower { try tower.get() }

    /// Every file with tensors of the model and, where it is at hand, of the tower; each once.
    var parts: [any ContainerPart] {
        guard case .success(let tower) = tower, tower.place != .insideCheckpoint else { return container.parts }
        return container.parts + tower.parts
    }

    /// Whether a tensor of a file belongs to the model as it was opened: a tower inside does not when another was named.
    func uses(_ name: String, of part: any ContainerPart) -> Bool {
        let isOwn = container.parts.contains { $0.checkpointFile === part.checkpointFile }
        switch TensorNames.role(of: name) {
        case .derived: return false
        case .tower:
            guard case .success(let tower) = tower else { return false }
            return (tower.place == .insideCheckpoint) == isOwn
        default: return isOwn
        }
    }
}
