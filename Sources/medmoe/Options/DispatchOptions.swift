import ArgumentParser
import Cluster
import MedMoE

/// What a coordinator does about experts that nobody holds.
struct DispatchOptions: ParsableArguments {
    @Option(name: .customLong("on-missing-expert"), help: "When no worker holds an expert: wait until the request's deadline (default), fail at once, or meta-only: answer with the meta expert alone and mark the answer as degraded.")
    var onMissingExpert: MissingExpertPolicy?

    @Option(name: .customLong("missing-expert-patience"), help: ArgumentHelp("Seconds that an expert may be missing before that counts: a worker may be on its way. Default: 0.5.", valueName: "seconds"))
    var patience: Double?

    /// Whether one of them was given.
    var isGiven: Bool { onMissingExpert != nil || patience != nil }

    func validate() throws {
        if let patience, !(patience >= 0 && patience <= 86_400) {
            throw ValidationError("--missing-expert-patience is \(patience); expected 0 to 86400 seconds")
        }
    }

    /// - Throws: `ModelFolderError` when the model has no meta expert that could answer alone.
    func apply(to configuration: inout CoordinatorEndpoint.Configuration, of model: MedMoEModel) throws {
        if let onMissingExpert { configuration.dispatch.onMissingExpert = onMissingExpert }
        if let patience { configuration.dispatch.patience = .seconds(patience) }
        if onMissingExpert == .metaOnly, !model.hasMeta {
            throw ModelFolderError(
                description: "--on-missing-expert meta-only: this model has no meta expert that could answer alone; choose wait or fail")
        }
    }
}

extension MissingExpertPolicy: ExpressibleByArgument {}
