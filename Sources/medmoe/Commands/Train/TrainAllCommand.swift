import ArgumentParser
import Datasets
import Foundation
import Language
import Training

/// `medmoe train all`
struct TrainAllCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "all",
        abstract: "Follows a recipe: tokenizer and new model if it asks for them, every step, measurements, ablations.",
        discussion: """
            Each step gets a folder of its own below --out. What is finished is not done again, and an unfinished step goes on from its \
            last checkpoint, when the same command is given again. Where the recipe was changed since, a finished step is named and \
            nothing is done.

              medmoe train all --recipe cluster/learn/medmoe-tiny.yaml --data DATA --out OUT --ablations
              medmoe plot OUT/log.jsonl --out OUT/plots
            """)

    @Option(help: ArgumentHelp("The recipe, YAML.", valueName: "file")) var recipe: String
    @Option(help: ArgumentHelp("Folder that the recipe's files and the images' paths start from.", valueName: "dir")) var data: String
    @Option(help: ArgumentHelp("Folder that gets a folder for each step.", valueName: "dir")) var out: String
    @Option(help: ArgumentHelp("Checkpoint to begin with, when the recipe makes no new model.", valueName: "dir")) var model: String?
    @Flag(help: "Run the recipe's ablations, too, and print them beside the result.") var ablations = false
    @Flag(name: .customLong("skip-bad"), help: "Leave bad entries out and count them.") var skipBad = false
    @OptionGroup var compute: TrainThreads
    @OptionGroup var trainers: TrainersOptions
    @Option(help: "What the finished models are stored as: f32 or bf16. Steps between always keep f32.") var dtype: TrainOptions.StoredType = .f32

    func run() async throws {
        let recipe = try Recipe(contentsOf: recipe)
        let start = try beginsAnew(recipe) ? "\(out)/0-model" : model ?? ""
        let plan = plan(of: recipe, start)
        for item in plan.items { try item.job.check() }
        try checkFinished(recipe, plan, start)
        let left = plan.items.map(\.job).filter { !isThere($0.out) }
        if !left.isEmpty {
            try CourseData(files: recipe.data, folder: data, skipsBad: skipBad).check(left, asks: plan.items.contains { $0.evaluates })
        }
        try LoadOutput.makeFolder(out)
        if recipe.model != nil { try makeModel(recipe, start) }
        try await TerminationSignal.cancelling { try await follow(plan, recipe) }
    }

    /// The recipe's jobs as they are done here.
    private func plan(of recipe: Recipe, _ start: String) -> RecipePlan {
        var plan = RecipePlan(recipe, data: data, start: start, out: out, withAblations: ablations)
        let last = plan.items.lastIndex { !$0.isAblation }
        for index in plan.items.indices {
            plan.items[index].job.threads = compute.count
            plan.items[index].job.skipsBad = skipBad
            if plan.items[index].isAblation || index == last { plan.items[index].job.dtype = dtype.dtype }
        }
        return plan
    }

    private func follow(_ plan: RecipePlan, _ recipe: Recipe) async throws {
        let log = "\(out)/log.jsonl"
        var results: [(title: String, scores: SavedScores)] = []
        var evaluation = CourseEvaluation(
            files: (recipe.data.dev ?? []).map { "\(data)/\($0)" }, training: recipe.data.train.map { "\(data)/\($0)" },
            images: ImageFolder(path: data), skipsBad: skipBad, threads: compute.count, log: log)
        for item in plan.items {
            let job = item.job
            if isThere(job.out) {
                Terminal.note("\(item.title): is there already, \(job.out)")
            } else {
                try FileManager.default.createDirectory(
                    atPath: URL(filePath: job.out).deletingLastPathComponent().path, withIntermediateDirectories: true)
                try SettingsFile(folder: job.out).write(try settings(of: job))
                _ = try await LearningRun(title: item.title, log: log).run(job, trainers: trainers)
            }
            if item.evaluates { results.append((item.title, try await evaluation.scores(of: item.job.out, title: item.title))) }
        }
        if !results.isEmpty { try Terminal.output(CourseText.table(results)) }
    }

    /// Whether a model is finished.
    private func isThere(_ folder: String) -> Bool { FileManager.default.fileExists(atPath: "\(folder)/config.json") }

    /// Looks whether what is finished is what the recipe asks for.
    private func checkFinished(_ recipe: Recipe, _ plan: RecipePlan, _ start: String) throws {
        if let shape = recipe.model, isThere(start) { try SettingsFile(folder: start).check(against: LearntSettings(shape, of: recipe)) }
        for job in plan.items.map(\.job) where isThere(job.out) {
            guard isThere(job.model) else {
                throw SettingsFileError(
                    description: "\(job.out) is finished, but \(job.model), which it began with, is not there: remove \(job.out) and what was made after it, or put that back")
            }
            try SettingsFile(folder: job.out).check(against: try settings(of: job))
        }
    }

    /// What a step learns with, and from.
    private func settings(of job: StageJob) throws -> LearntSettings {
        LearntSettings(job, data: data).beginning(with: try EvaluatedModel(job.model).digest)
    }

    /// Whether the recipe makes the model that the first step begins with.
    private func beginsAnew(_ recipe: Recipe) throws -> Bool {
        guard recipe.model != nil else {
            guard model != nil else { throw ValidationError("the recipe makes no new model: name one with --model DIR") }
            return false
        }
        guard model == nil else { throw ValidationError("the recipe makes a new model: leave --model out, or its \"model\"") }
        return true
    }

    /// Makes the model that the first step begins with, unless it is there.
    private func makeModel(_ recipe: Recipe, _ folder: String) throws {
        guard let shape = recipe.model else { return }
        if isThere(folder) { return }
        // With the model, also where one is there: it may be of a recipe with another vocabulary, or with other data.
        let tokenizer = "\(out)/0-tokenizer"
        var corpus = TokenizerCorpus()
        try corpus.addTemplate(.stablelm)
        let files = (recipe.data.train + (recipe.data.captions ?? [])).map { "\(data)/\($0)" }
        let rules = DataRules(allowsTextOnly: true)
        let texts = try DataValidation(rules: rules, skipsBad: skipBad).run(files: files)
        for conversation in texts.conversations { corpus.add(conversation) }
        let trained = try BytePairTrainer(vocabularySize: recipe.vocabulary).train(corpus.words)
        try LoadOutput.makeFolder(tokenizer)
        try LoadOutput.write(trained.tokenizerJSON, to: "\(tokenizer)/tokenizer.json")
        try LoadOutput.write(trained.configurationJSON, to: "\(tokenizer)/tokenizer_config.json")
        Terminal.note("tokenizer: \(grouped(trained.tokens.count)) tokens, \(tokenizer)")
        try SettingsFile(folder: folder).write(LearntSettings(shape, of: recipe))
        try NewModel.write(shape, tokenizer: tokenizer, seed: recipe.seed ?? 0, to: folder)
        Terminal.note("new model: \(folder)")
    }
}
