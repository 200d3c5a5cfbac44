import Foundation

/// What a folder of a course is made with, in the words of the recipe. It is kept beside the folder, so that a finished step is not taken for
/// that of a recipe which was changed since.
///
/// What changes no bit is not in it: threads, how often a step is saved, what the backward pass computes again.
public struct LearntSettings: Sendable, Hashable {
    /// As text, by key.
    public let values: [String: String]

    public init(values: [String: String]) { self.values = values }

    /// What a step learns with.
    ///
    /// - Parameter data: folder of the data. Files count by their names below it: the folder may be called otherwise the next time.
    public init(_ job: StageJob, data folder: String) {
        func name(_ file: String) -> String { file.hasPrefix(folder + "/") ? String(file.dropFirst(folder.count + 1)) : file }
        let settings = job.settings
        var values: [String: String] = [
            "from": URL(filePath: job.model).lastPathComponent,
            "data": Self.list(job.data.map(name)),
            "limits": Self.list(job.data.compactMap { file in job.limits[file].map { "\(name(file)): \($0)" } }),
            "step": settings.step.rawValue,
            "seed": "\(settings.seed)",
            "epochs": "\(settings.epochs)",
            "batch": "\(settings.batch)",
            "microBatch": "\(settings.microBatch)",
            "rate": "\(settings.rate)",
            "warmUp": "\(settings.warmUp)",
            "clip": settings.clip.map { "\($0)" } ?? "0",
            "decay": "\(settings.optimiser.decay)",
            "beta1": "\(settings.optimiser.beta1)",
            "beta2": "\(settings.optimiser.beta2)",
            "lowerCaseAnswers": "\(settings.lowerCasesAnswers)",
            "augment": "\(settings.augmentsImages)",
            "dtype": job.dtype.rawValue,
        ]
        // Of experts a step has what it reads: whoever changes the rest keeps what was learnt without it.
        switch settings.step {
        case .encoder:
            values["domains"] = Self.list(job.shape.domains)
        case .router:
            values["domains"] = Self.list(job.shape.domains)
            values["mode"] = job.shape.mode.rawValue
            values["labelled"] = "\(job.labelledExamples)"
        case .experts:
            values["freezeProjector"] = "\(settings.freezesProjector)"
            values["dense"] = "\(job.staysDense)"
            if !job.staysDense {
                values["domains"] = Self.list(job.shape.domains)
                values["mode"] = job.shape.mode.rawValue
                values["topK"] = "\(job.shape.topK)"
                values["hasMeta"] = "\(job.shape.hasMeta)"
                values["withoutRouter"] = "\(job.withoutRouter)"
            }
        case .language, .align, .instruct: break
        }
        self.values = values
    }

    /// The same, with the model that the step begins with: a step that was learnt from another one is not this one.
    ///
    /// - Parameter digest: names the model's weights.
    public func beginning(with digest: String) -> LearntSettings { LearntSettings(values: values.merging([Self.origin: digest]) { $1 }) }

    /// Key of the digest of the model that a step begins with.
    public static let origin = "fromDigest"

    /// What the new model of a recipe is made with, and its tokenizer.
    public init(_ shape: ModelShape, of recipe: Recipe) {
        values = [
            "seed": "\(recipe.seed ?? 0)",
            "data": Self.list(recipe.data.train + (recipe.data.captions ?? [])),
            "tokenizer.vocabulary": "\(recipe.vocabulary)",
            "model.image": "\(shape.image)",
            "model.patch": "\(shape.patch)",
            "model.tower.width": "\(shape.tower.width)",
            "model.tower.layers": "\(shape.tower.layers)",
            "model.tower.heads": "\(shape.tower.heads)",
            "model.backbone.width": "\(shape.backbone.width)",
            "model.backbone.inner": "\(shape.backbone.inner)",
            "model.backbone.layers": "\(shape.backbone.layers)",
            "model.backbone.heads": "\(shape.backbone.heads)",
            "model.backbone.context": "\(shape.backbone.context)",
        ]
    }

    /// The first key with another value in `recipe`; nil when there is none.
    ///
    /// A key that only one of them has is no difference: an earlier or later version of this program wrote it.
    public func difference(from recipe: LearntSettings) -> (key: String, was: String, now: String)? {
        for (key, was) in values.sorted(by: { $0.key < $1.key }) {
            if let now = recipe.values[key], now != was { return (key, was, now) }
        }
        return nil
    }

    private static func list(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: ", ") }
}
