import ArgumentParser
import Checkpoints
import Cluster
import Foundation
import MedMoE
import Wire

/// What a load of the expert stage alone sends, and to whom.
struct DispatchLoadOptions: ParsableArguments {
    @Option(name: .customLong("listen"), help: ArgumentHelp("Address for workers, tcp://HOST:PORT or ipc://PATH; may be repeated.", valueName: "address"))
    var listen: [String] = []

    @Option(name: .customLong("model"), help: ArgumentHelp("Folder of the checkpoint that the workers serve, or of its coordinator's part; no weights are read.", valueName: "dir"))
    var modelFolder: String?

    @Option(help: ArgumentHelp("Rows of a tile, or several numbers, separated by commas, measured one after the other.", valueName: "n,…"))
    var rows: String?

    @Option(name: .customLong("hot-expert"), help: ArgumentHelp("An expert (number or domain) that gets more than the others.", valueName: "expert"))
    var hotExpert: String?

    @Option(name: .customLong("hot-share"), help: "With --hot-expert: its part of all tiles. Default: 0.9.")
    var hotShare: Double?

    @Option(name: .customLong("workers"), help: ArgumentHelp("Wait until at least so many workers are there, besides every expert being held.", valueName: "n"))
    var workers: Int?

    @Option(help: ArgumentHelp("Seconds to wait for workers.", valueName: "seconds"))
    var patience: Double?

    func validate() throws {
        if let hotShare {
            guard hotExpert != nil else { throw ValidationError("--hot-share needs --hot-expert.") }
            guard hotShare > 0, hotShare <= 1 else { throw ValidationError("--hot-share is \(hotShare); expected more than 0 and at most 1") }
        }
        if let workers, !(1...1024).contains(workers) { throw ValidationError("--workers is \(workers); expected 1 to 1024") }
        if let patience, !(patience > 0 && patience <= 86_400) { throw ValidationError("--patience is \(patience); expected more than 0 and at most 86400 seconds") }
        _ = try sizes()
    }

    var isGiven: Bool { !listen.isEmpty || modelFolder != nil || rows != nil || hotExpert != nil || workers != nil || patience != nil }

    /// Rows of a tile, for one run after the other.
    func sizes() throws -> [Int] {
        try (rows ?? "1,16,256").split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let number = Int(text.trimmingCharacters(in: .whitespaces)), (1...256).contains(number) else {
                throw ValidationError("--rows has \"\(text)\"; expected numbers from 1 to 256")
            }
            return number
        }
    }
}

/// What the expert stage of a model is, read from its folder without its weights.
struct ExpertStage {
    let configuration: ModelConfiguration
    let hasMeta: Bool

    /// - Throws: `CheckpointError` or `ConfigurationError` that names the file; `ModelFolderError` for a model without experts.
    init(folder path: String) throws {
        let folder = try CheckpointFolder(path: path)
        configuration = try ModelConfiguration(contentsOf: URL(filePath: folder.configPath))
        guard configuration.mixture != nil else {
            throw ModelFolderError(description: "\(path): this model has no mixture layers, so there is no expert stage to load")
        }
        // A part of a model carries the names of the rest.
        let names = if case .complete = folder.role { folder.model.names } else { Array(try folder.fingerprints(verify: false).tensors.keys) }
        hasMeta = try AlwaysOnModule.isMetaExpert(names, configuration: configuration)
    }
}
