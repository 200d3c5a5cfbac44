import ArgumentParser
import Checkpoints
import MedMoE

/// How a checkpoint is opened.
struct ModelOptions: ParsableArguments {
    @Option(
        name: .customLong("image-tower"),
        help: ArgumentHelp("Folder of the CLIP image tower, when it is not where config.json says. Hub names are not fetched.", valueName: "dir"))
    var imageTower: String?

    @Option(help: "How images are made square: as config.json says, padded, or centre-cropped as in the public evaluation script.")
    var aspect: MedMoEModel.Aspect = .config

    @Flag(name: .customLong("pillow-exact"), help: "Decode as Pillow does: ignore orientation, saturate 16-bit grey.")
    var pillowExact = false

    @Flag(name: .customLong("no-mmap"), help: "Read weights into memory instead of mapping the files.")
    var noMemoryMap = false

    @Flag(help: "Digest every weight again instead of believing what is recorded beside the files.")
    var verify = false

    var readMode: ReadMode { noMemoryMap ? .copied : .mapped }

    func folder(_ path: String) throws -> CheckpointFolder {
        try CheckpointFolder(path: path, imageTower: imageTower, reading: readMode)
    }

    func load(_ path: String) throws -> MedMoEModel { try load(folder(path)) }

    func load(_ folder: CheckpointFolder) throws -> MedMoEModel {
        try naming(folder) {
            try MedMoEModel(folder: folder, options: .init(aspect: aspect, pillowExact: pillowExact, verify: verify))
        }
    }
}

/// A folder whose weights do not make the model that its config.json describes.
struct ModelFolderError: Error, Sendable, CustomStringConvertible {
    let description: String
}

/// Runs `body`; an error of the model that only says which tensor is wrong then also says in which folder.
func naming<R>(_ folder: CheckpointFolder, _ body: () throws -> R) throws -> R {
    do {
        return try body()
    } catch let error as ModelError where !error.description.contains(folder.path) {
        throw ModelFolderError(description: "\(folder.path): \(error)")
    }
}

extension MedMoEModel.Aspect: ExpressibleByArgument {}
