import Checkpoints
import Foundation
import Tensors

/// The checkpoints of a stage that is not finished: `OUT.steps/update-000500/`, each complete in the published layout and with
/// the optimiser's state beside it.
struct WorkFolder: Sendable {
    /// `OUT.steps`
    let path: String

    /// What a checkpoint says of the run that it belongs to.
    private struct State: Codable {
        var update: Int
        var settings: StageSettings
        /// Digest of what is learnt from: another model or other data make another run.
        var origin: String
    }

    /// Names what the run learns from, so that checkpoints of another one are not taken for ours.
    let origin: String

    /// How many checkpoints are kept.
    private static let kept = 2
    private static let stateName = "training-state.json"
    private static let momentsName = "optimizer.safetensors"

    /// Writes a checkpoint, then removes those before the last one.
    ///
    /// - Returns: where it lies.
    /// - Throws: `TrainingError.notSaved` that names the file; earlier checkpoints stay.
    func save(
        _ checkpoint: PublishedCheckpoint, _ optimiser: StageOptimiser, update: Int, settings: StageSettings
    ) throws -> String {
        var checkpoint = checkpoint
        var moments: [String: Tensor] = [:]
        for (parameter, state) in zip(optimiser.local.parameters, optimiser.local.moments) {
            moments[Self.name(.mean, parameter.name)] = try state.mean.tensor(shape: parameter.shape)
            moments[Self.name(.variance, parameter.name)] = try state.variance.tensor(shape: parameter.shape)
        }
        // What has no place in the published layout: heads, a router.
        for parameter in optimiser.local.parameters
        where checkpoint.model.descriptor(parameter.name) == nil && checkpoint.tower.descriptor(parameter.name) == nil {
            moments[Self.name(.value, parameter.name)] = try parameter.value.tensor(shape: parameter.shape)
        }
        let own = MemoryTensors(moments)
        checkpoint.tensorFiles[Self.momentsName] = optimiser.remote.map { fleet, course in
            JoinedTensors([own, FleetTensors(fleet, course, [.mean, .variance], naming: Self.name)])
        } ?? own
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        checkpoint.files[Self.stateName] = [UInt8](try encoder.encode(State(update: update, settings: settings, origin: origin)))
        let folder = "\(path)/\(Self.name(update))"
        do {
            try begin()
            try checkpoint.write(to: folder)
        } catch let lost as TrainerLost {
            throw lost
        } catch {
            throw TrainingError.notSaved(reason: "\(error)", checkpoint: last)
        }
        for older in updates.dropLast(Self.kept) { try? FileManager.default.removeItem(atPath: "\(path)/\(Self.name(older))") }
        return folder
    }

    /// The last checkpoint.
    ///
    /// - Returns: nil when there is none.
    /// - Throws: `TrainingError.impossible` when it belongs to a run with other settings, model or data; `CheckpointError` when it is damaged.
    func lastSaved(settings: StageSettings) throws -> SavedStage? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            // A folder that cannot be listed is not an empty one.
            _ = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw CheckpointError.system(file: path, operation: "listing the checkpoints", reason: error.localizedDescription)
        }
        removeTorn()
        guard let update = updates.last else { return nil }
        let folder = "\(path)/\(Self.name(update))"
        let stateFile = "\(folder)/\(Self.stateName)"
        let state: State
        do {
            state = try JSONDecoder().decode(State.self, from: Data(contentsOf: URL(filePath: stateFile)))
        } catch {
            throw TrainingError.impossible("\(stateFile) cannot be read: \(error); remove the folder \(folder) to continue from the one before")
        }
        guard state.settings.decisive == settings.decisive, state.origin == origin, state.update == update else {
            throw TrainingError.impossible(
                "\(path) holds checkpoints of a run with other settings, data or model: name another --out, or remove the folder to begin anew")
        }
        let weights = try CheckpointFolder(path: folder)
        let moments = try SafetensorsFile(path: "\(folder)/\(Self.momentsName)")
        return SavedStage(
            update: update, path: folder, values: JoinedTensors([weights.model, try weights.imageTower().source]), moments: moments)
    }

    /// Makes the folder.
    ///
    /// - Throws: `CheckpointError.system` when that is impossible, or nothing can be written into it.
    func begin() throws {
        let reason: String?
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            reason = FileManager.default.isWritableFile(atPath: path) ? nil : "it is not writable"
        } catch {
            reason = error.localizedDescription
        }
        if let reason { throw CheckpointError.system(file: path, operation: "making the folder for checkpoints", reason: reason) }
    }

    /// Leaves nothing behind when no checkpoint was made.
    func removeIfEmpty() { rmdir(path) }

    /// Writes the finished model, and removes everything else. The model appears at `out` complete or not at all, so that whoever is killed
    /// meanwhile goes on from the last checkpoint.
    ///
    /// - Throws: `TrainingError.notSaved` that names the file; checkpoints stay.
    func finish(_ checkpoint: PublishedCheckpoint, as out: String) throws {
        let aside = "\(path)/finished"
        do {
            try begin()
            try? FileManager.default.removeItem(atPath: aside)
            try checkpoint.write(to: aside)
            if rename(aside, out) != 0 {
                // A folder that is a mount of its own keeps its place: it is filled instead.
                guard errno == EBUSY || errno == EXDEV else {
                    throw CheckpointError.system(file: out, operation: "renaming \(aside)", reason: String(cString: strerror(errno)))
                }
                try checkpoint.write(to: out)
            }
        } catch let lost as TrainerLost {
            throw lost
        } catch {
            throw TrainingError.notSaved(reason: "\(error)", checkpoint: last)
        }
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The last complete checkpoint.
    var last: String? { updates.last.map { "\(path)/\(Self.name($0))" } }

    /// Sets a checkpoint aside from which the very next update failed: its weights were no good already. The one before it becomes the last.
    func suspect(_ update: Int) {
        let name = Self.name(update)
        guard updates.last == update else { return }
        let aside = "\(path)/suspect-\(name.dropFirst(Self.prefix.count))"
        try? FileManager.default.removeItem(atPath: aside)
        rename("\(path)/\(name)", aside)
    }

    /// Updates of the complete checkpoints, ascending.
    private var updates: [Int] {
        names.compactMap { name in
            guard name.hasPrefix(Self.prefix), FileManager.default.fileExists(atPath: "\(path)/\(name)/config.json") else { return nil }
            return Int(name.dropFirst(Self.prefix.count))
        }.sorted()
    }

    /// Removes checkpoints that a killed process did not finish.
    private func removeTorn() {
        for name in names where name.hasPrefix(Self.prefix) && !FileManager.default.fileExists(atPath: "\(path)/\(name)/config.json") {
            try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
    }

    private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }

    /// What the file of the optimiser's state calls a tensor.
    static func name(_ state: LearningState, _ name: String) -> String { "\(state.rawValue).\(name)" }

    private static let prefix = "update-"

    private static func name(_ update: Int) -> String { prefix + String(format: "%07d", update) }
}
