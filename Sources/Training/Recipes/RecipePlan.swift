import Tensors

/// The jobs that a recipe makes, in their order.
public struct RecipePlan: Sendable {
    /// One job and what it is called.
    public struct Item: Sendable {
        public let title: String
        public var job: StageJob
        public let isAblation: Bool
        /// Whether the model is asked the held-out questions afterwards.
        public let evaluates: Bool
    }

    public var items: [Item]

    /// - Parameters:
    ///   - data: folder that the recipe's files and the images' paths start from.
    ///   - start: checkpoint that the first step begins with.
    ///   - out: folder that gets a folder for each step: `1-encoder`, `2-language` …, `ablations/NAME`.
    public init(_ recipe: Recipe, data: String, start: String, out: String, withAblations: Bool) {
        var folders: [String: String] = [:]
        var before = start
        var items: [Item] = []
        let seed = recipe.seed ?? 0
        func job(_ step: RecipeStep, model: String, folder: String) -> StageJob {
            let sources = step.data ?? Self.sources(of: step.step)
            let files = sources.flatMap { $0 == .train ? recipe.data.train : recipe.data.captions ?? [] }
            var job = StageJob(
                step.settings(seed: seed), model: model, data: files.map { "\(data)/\($0)" },
                images: step.step == .language ? nil : data, out: folder)
            for (file, limit) in recipe.data.limits ?? [:] { job.limits["\(data)/\(file)"] = limit }
            if step.step == .router || step.step == .encoder { job.heldOut = (recipe.data.dev ?? []).map { "\(data)/\($0)" } }
            job.shape = recipe.experts ?? MixtureShape()
            job.shape.topK = step.topK ?? job.shape.topK
            if step.withoutMeta ?? false { job.shape.hasMeta = false }
            if let domains = step.domains { job.shape.domains = Array(job.shape.domains.prefix(max(1, domains))) }
            job.labelledExamples = step.labelled ?? job.labelledExamples
            job.staysDense = step.dense ?? false
            job.withoutRouter = step.withoutRouter ?? false
            return job
        }
        for (index, step) in recipe.steps.enumerated() {
            let folder = "\(out)/\(index + 1)-\(step.title)"
            let model = step.from.flatMap { folders[$0] } ?? before
            items.append(
                Item(title: step.title, job: job(step, model: model, folder: folder), isAblation: false, evaluates: step.evaluate ?? false))
            folders[step.title] = folder
            before = folder
        }
        if withAblations {
            for step in recipe.ablations ?? [] {
                let model = step.from.flatMap { folders[$0] } ?? before
                items.append(
                    Item(
                        title: step.title, job: job(step, model: model, folder: "\(out)/ablations/\(step.title)"), isAblation: true,
                        evaluates: true))
            }
        }
        self.items = items
    }

    private static func sources(of step: TrainingStep) -> [RecipeStep.Source] {
        switch step {
        case .align: [.captions]
        case .encoder, .language: [.captions, .train]
        case .instruct, .router, .experts: [.train]
        }
    }
}
