import Tensors

/// A complete checkpoint in the published layout, about to be written: what the public code and this program load.
public struct PublishedCheckpoint: Sendable {
    /// Tensors of projector and backbone, with their published names.
    public var model: any TensorSource
    /// `config.json`.
    package var config: JSONValue
    /// Tensors of the image tower, `vision_model.…`; they get a folder of their own inside.
    public var tower: any TensorSource
    /// The tower's `config.json` and `preprocessor_config.json`, by name.
    public var towerFiles: [String: [UInt8]]
    /// Files that are copied: the tokenizer's and those that go with it.
    public var copies: [String]
    /// Further files of tensors, by name.
    public var tensorFiles: [String: any TensorSource]
    /// Further files, by name.
    public var files: [String: [UInt8]]

    /// What a folder holds; changes to it make the checkpoint to write.
    ///
    /// - Throws: what reading the tower and its files throws.
    public init(of folder: CheckpointFolder) throws {
        let tower = try folder.imageTower()
        self.init(model: folder.model, config: folder.config, tower: tower.source, copies: folder.tokenizerPaths + folder.companionPaths)
        for (name, path) in [("config.json", tower.configPath), ("preprocessor_config.json", tower.preprocessorConfigPath)] {
            if let path { towerFiles[name] = try CheckpointFile.contents(of: path, limit: Self.textLimit) }
        }
    }

    package init(model: any TensorSource, config: JSONValue, tower: any TensorSource, copies: [String]) {
        self.model = model
        self.config = config
        self.tower = tower
        self.copies = copies
        towerFiles = [:]
        tensorFiles = [:]
        files = [:]
    }

    /// Largest configuration file that is read, in bytes.
    private static let textLimit = 4 << 20
    /// Where tensors are cut into several files, in bytes.
    private static let fileLimit = 5 << 30
    private static let towerFolder = "clip"

    /// Writes everything into a new or empty folder. `config.json` appears last: a folder without it is not complete.
    ///
    /// - Throws: `CheckpointError` that names the file; then nothing is left of what was written.
    public func write(to path: String) throws {
        try OutputFolder.create(path, last: "config.json") { aside in
            try SafetensorsWriter.writeSharded(
                model, metadata: ["format": "pt"], to: aside, fileLimit: Self.fileLimit)
            try OutputFolder.create(joined(aside, Self.towerFolder), last: "config.json") { aside in
                try SafetensorsWriter.writeSharded(
                    tower, metadata: ["format": "pt"], to: aside, fileLimit: Self.fileLimit)
                for (name, bytes) in towerFiles { try AtomicFile.write(bytes, to: joined(aside, name)) }
            }
            for file in copies { try AtomicFile.copy(file, to: joined(aside, String(file.split(separator: "/").last ?? ""))) }
            for (name, source) in tensorFiles {
                try SafetensorsWriter.write(source, metadata: ["format": "pt"], to: joined(aside, name))
            }
            for (name, bytes) in files { try AtomicFile.write(bytes, to: joined(aside, name)) }
            var config = config
            config["mm_image_tower"] = .string(Self.towerFolder)
            try AtomicFile.write(Array(config.rendered.utf8), to: joined(aside, "config.json"))
        }
    }
}
