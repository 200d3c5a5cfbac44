import Tensors

/// The image tower of a checkpoint: its tensors, named `vision_model.…` wherever they lie, and its configuration files.
public struct ImageTower: Sendable {
    /// Where the tensors were found.
    public enum Place: Sendable, Equatable {
        case insideCheckpoint
        case folder(String)
    }

    public let place: Place
    public let source: any TensorSource
    /// The tower's own `config.json` (`clip_vision_model`, or a whole `clip` model with `vision_config`), where there is one.
    public let configPath: String?
    /// `preprocessor_config.json` of the tower or, failing that, of the checkpoint.
    public let preprocessorConfigPath: String?
    let parts: [any ContainerPart]

    /// The part of `container` that is a tower, or nil when it has none.
    static func tensors(of container: Container) throws -> RenamedTensors? {
        let tensors = try RenamedTensors(container.source) { name in
            if case .tower(let canonical) = TensorNames.role(of: name) { canonical } else { nil }
        }
        return tensors.names.isEmpty ? nil : tensors
    }

    /// Finds the tower: in the folder that the user names, else inside the checkpoint, else in the folder that
    /// `mm_image_tower` of config.json names, seen from the checkpoint's folder.
    ///
    /// - Throws: `CheckpointError.towerNotLocal` when only a hub name is known.
    init(checkpoint: String, container: Container, config: JSONValue, named: String?, reading mode: ReadMode) throws {
        let configPath = joined(checkpoint, "config.json")
        let configured = config["mm_image_tower"]?.text
        let local = configured.map { $0.hasPrefix("/") ? $0 : joined(checkpoint, $0) }.flatMap { isFolder($0) ? $0 : nil }
        let fallback = existing(checkpoint, "preprocessor_config.json")
        if named == nil, let inside = try ImageTower.tensors(of: container) {
            self.init(place: .insideCheckpoint, source: inside, folder: local, fallback: fallback, parts: container.parts)
            return
        }
        guard let folder = named ?? local else {
            guard let configured, !configured.isEmpty else {
                throw CheckpointError.missingFile(
                    folder: checkpoint, what: "image tower",
                    hint: "there are no tensors below \(TensorNames.towerInside), and config.json has no mm_image_tower; pass --image-tower DIR")
            }
            throw CheckpointError.towerNotLocal(name: configured, config: configPath)
        }
        let own = try Container(folder: folder, reading: mode)
        guard let tensors = try ImageTower.tensors(of: own) else {
            throw CheckpointError.missingTensor(file: own.path, tensor: TensorNames.tower + "*")
        }
        self.init(place: .folder(folder), source: tensors, folder: folder, fallback: fallback, parts: own.parts)
    }

    private init(place: Place, source: any TensorSource, folder: String?, fallback: String?, parts: [any ContainerPart]) {
        self.place = place
        self.source = source
        self.parts = parts
        configPath = folder.flatMap { existing($0, "config.json") }
        preprocessorConfigPath = folder.flatMap { existing($0, "preprocessor_config.json") } ?? fallback
    }
}

/// The path of `name` in `folder` if something is there.
func existing(_ folder: String, _ name: String) -> String? {
    (try? namesInFolder(folder).contains(name)) == true ? joined(folder, name) : nil
}
