import Tensors

/// Splits a checkpoint: what one worker needs, and what the coordinator needs.
///
/// Both outputs are checkpoints of their own with the digests of the whole model in their metadata, so that a coordinator and a
/// worker can tell that they belong together although neither holds all tensors.
public struct ShardWriter: Sendable {
    /// Files larger than this are split, in bytes.
    public var fileLimit: Int

    /// Where the tower lies in a coordinator's folder.
    static let towerFolder = "clip"

    public init(fileLimit: Int = 4_000_000_000) { self.fileLimit = fileLimit }

    /// Writes the domain experts of the given numbers of every mixture layer and the modules that are always on, with
    /// config.json and the digests; no tokenizer, no image tower.
    ///
    /// - Throws: `CheckpointError.request` for experts that the checkpoint does not have, `.outputExists`, `.missingTensor` when the
    ///   checkpoint is incomplete, and what reading and writing throws. Nothing half-written stays.
    public func writeExperts(from folder: CheckpointFolder, experts: Set<Int>, to path: String) throws {
        let layout = MixtureLayout(names: folder.model.names)
        let present = layout.experts
        guard !experts.isEmpty, experts.isSubset(of: present) else {
            let missing = experts.subtracting(present).sorted().map(String.init).joined(separator: ", ")
            throw CheckpointError.request(
                "\(quoted(folder.path)) has no expert \(missing.isEmpty ? "in an empty list" : missing); it holds \(present.sorted().map(String.init).joined(separator: ", "))")
        }
        if folder.role == .complete { try layout.checkComplete(folder.model) }
        let tensors = try RenamedTensors(folder.model) { name in
            switch TensorNames.role(of: name) {
            case .expert(_, let expert, _): experts.contains(expert) ? name : nil
            case .meta, .residual: name
            default: nil
            }
        }
        let digests = try wholeModel(folder)
        try OutputFolder.create(path, last: "config.json") { aside in
            try write(tensors, digests: digests, to: aside)
            var config = folder.config
            config[ShardRole.key] = ShardRole.experts(experts.sorted()).json
            try AtomicFile.write(Array(config.rendered.utf8), to: joined(aside, "config.json"))
            try readBack(aside)
        }
    }

    /// Writes everything but the domain experts, the meta experts and the residual modules (gates and coefficients stay), with the
    /// image tower in a folder of its own, tokenizer, configuration and digests.
    ///
    /// - Throws: `CheckpointError.request` when the checkpoint is itself a shard, `.outputExists`, `.missingTensor`, and what reading and
    ///   writing throws. Nothing half-written stays.
    public func writeCoordinator(from folder: CheckpointFolder, to path: String) throws {
        guard folder.role == .complete else {
            throw CheckpointError.request("\(quoted(folder.path)) holds the \(folder.role) of a model; a coordinator's folder is made from a complete one")
        }
        try MixtureLayout(names: folder.model.names).checkComplete(folder.model)
        let tensors = try RenamedTensors(folder.model) { name in
            switch TensorNames.role(of: name) {
            case .expert, .meta, .residual: nil
            default: name
            }
        }
        let tower = try folder.imageTower()
        let digests = try wholeModel(folder)
        try OutputFolder.create(path, last: "config.json") { aside in
            try write(tensors, digests: digests, to: aside)
            try writeTower(tower, to: joined(aside, Self.towerFolder))
            for file in folder.tokenizerPaths + folder.companionPaths {
                try AtomicFile.copy(file, to: joined(aside, String(file.split(separator: "/").last ?? "")))
            }
            var config = folder.config
            config["mm_image_tower"] = .string(Self.towerFolder)
            config[ShardRole.key] = ShardRole.coordinator.json
            try AtomicFile.write(Array(config.rendered.utf8), to: joined(aside, "config.json"))
            try readBack(aside)
        }
    }

    /// Reads what was written and compares it with the digests of what it was made from. This also leaves the digests cached beside
    /// the files, for the first start of a worker.
    private func readBack(_ folder: String) throws {
        _ = try CheckpointFolder(path: folder).fingerprints(verify: true)
    }

    /// The digests of the whole model: computed, or passed on when `folder` is itself a shard.
    private func wholeModel(_ folder: CheckpointFolder) throws -> RecordedDigests {
        let fingerprints = try folder.fingerprints()
        if !fingerprints.tensors.keys.contains(where: { $0.hasPrefix(TensorNames.tower) }) { _ = try folder.imageTower() }
        return RecordedDigests(fingerprints: fingerprints, tokenizer: try folder.tokenizerDigest())
    }

    private func write(_ tensors: some TensorSource, digests: RecordedDigests, to folder: String) throws {
        try SafetensorsWriter.writeSharded(
            tensors, metadata: ["format": "pt", RecordedDigests.key: digests.json], to: folder, fileLimit: fileLimit)
    }

    private func writeTower(_ tower: ImageTower, to path: String) throws {
        try OutputFolder.create(path, last: "config.json") { aside in
            try SafetensorsWriter.writeSharded(tower.source, metadata: ["format": "pt"], to: aside, fileLimit: fileLimit)
            if let config = tower.configPath { try AtomicFile.copy(config, to: joined(aside, "config.json")) }
            if let config = tower.preprocessorConfigPath {
                try AtomicFile.copy(config, to: joined(aside, "preprocessor_config.json"))
            }
        }
    }
}
