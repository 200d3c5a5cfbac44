import ArgumentParser
import Datasets
import Evaluation
import Foundation
import Language
import MedMoE
import Training

/// `medmoe train all`
struct TrainAllCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "all",
        abstract: "Follows a recipe: tokenizer and new model if it asks for them, every step, measurements, ablations.",
        discussion: """
            Each step gets a folder of its own below --out. What is finished is not done again, and an unfinished step goes on from its \
            last checkpoint, when the same command is given again.

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
        let plan = RecipePlan(recipe, data: data, start: start, out: out, withAblations: ablations)
        for item in plan.items { try item.job.check() }
        if !plan.items.allSatisfy({ isThere($0.job) }) { try checkData(recipe, plan) }
        try LoadOutput.makeFolder(out)
        if recipe.model != nil { try makeModel(recipe, start) }
        try await TerminationSignal.cancelling { try await follow(plan, recipe) }
    }

    private func follow(_ plan: RecipePlan, _ recipe: Recipe) async throws {
        let log = "\(out)/log.jsonl"
        var results: [(title: String, report: EvaluationReport)] = []
        let lastOfCourse = plan.items.last { !$0.isAblation }?.title
        for item in plan.items {
            var job = item.job
            job.threads = compute.count
            job.skipsBad = skipBad
            if item.isAblation || item.title == lastOfCourse { job.dtype = dtype.dtype }
            if isThere(job) {
                Terminal.note("\(item.title): is there already, \(job.out)")
            } else {
                try FileManager.default.createDirectory(
                    atPath: URL(filePath: job.out).deletingLastPathComponent().path, withIntermediateDirectories: true)
                _ = try await LearningRun(title: item.title, log: log).run(job, trainers: trainers)
            }
            if item.evaluates { results.append((item.title, try await report(of: item, recipe, log))) }
        }
        if !results.isEmpty { Terminal.write(CourseText.table(results)) }
    }

    /// Whether a step is finished.
    private func isThere(_ job: StageJob) -> Bool { FileManager.default.fileExists(atPath: "\(job.out)/config.json") }

    /// Whether the recipe makes the model that the first step begins with.
    private func beginsAnew(_ recipe: Recipe) throws -> Bool {
        guard recipe.model != nil else {
            guard model != nil else { throw ValidationError("the recipe makes no new model: name one with --model DIR") }
            return false
        }
        guard model == nil else { throw ValidationError("the recipe makes a new model: leave --model out, or its \"model\"") }
        return true
    }

    /// Looks at all entries of all files before the first step, which may take hours; each step looks at its own again, with its model's rules.
    private func checkData(_ recipe: Recipe, _ plan: RecipePlan) throws {
        let folder = ImageFolder(path: data)
        let learnt = recipe.data.train + (recipe.data.captions ?? [])
        let held = recipe.data.dev ?? []
        let asks = plan.items.contains { $0.evaluates }
        for (files, needsAnswerType) in [(learnt, false), (held, asks)] where !files.isEmpty {
            let rules = DataRules(images: folder, allowsTextOnly: !needsAnswerType, needsAnswerType: needsAnswerType)
            _ = try DataValidation(rules: rules, skipsBad: skipBad).run(files: files.map { "\(data)/\($0)" })
        }
    }

    /// Makes the model that the first step begins with, unless it is there.
    private func makeModel(_ recipe: Recipe, _ folder: String) throws {
        guard let shape = recipe.model else { return }
        if FileManager.default.fileExists(atPath: "\(folder)/config.json") { return }
        let tokenizer = "\(out)/0-tokenizer"
        if !FileManager.default.fileExists(atPath: "\(tokenizer)/tokenizer_config.json") {
            var corpus = TokenizerCorpus()
            try corpus.addTemplate(.stablelm)
            let files = (recipe.data.train + (recipe.data.captions ?? [])).map { "\(data)/\($0)" }
            let rules = DataRules(allowsTextOnly: true)
            let texts = try DataValidation(rules: rules, skipsBad: skipBad).run(files: files)
            for conversation in texts.conversations { corpus.add(conversation) }
            let trained = try BytePairTrainer(vocabularySize: recipe.tokenizer?.vocabulary ?? 4096).train(corpus.words)
            try LoadOutput.makeFolder(tokenizer)
            try LoadOutput.write(trained.tokenizerJSON, to: "\(tokenizer)/tokenizer.json")
            try LoadOutput.write(trained.configurationJSON, to: "\(tokenizer)/tokenizer_config.json")
            Terminal.note("tokenizer: \(grouped(trained.tokens.count)) tokens, \(tokenizer)")
        }
        try NewModel.write(shape, tokenizer: tokenizer, seed: recipe.seed ?? 0, to: folder)
        Terminal.note("new model: \(folder)")
    }

    /// Asks the held-out questions.
    private func report(of item: RecipePlan.Item, _ recipe: Recipe, _ log: String) async throws -> EvaluationReport {
        let folder = ImageFolder(path: data)
        let files = (recipe.data.dev ?? []).map { "\(data)/\($0)" }
        let checked = try DataValidation(rules: DataRules(images: folder, needsAnswerType: true), skipsBad: skipBad).run(files: files)
        var reports: [DatasetReport] = []
        var routed: [(conversation: Conversation, summary: AnswerSummary)] = []
        var domains: [String] = []
        let source = try SourceOptions.parse(["--model", item.job.out, "--threads", "\(compute.count)"])
        let start = ContinuousClock.now
        for file in checked.files {
            let name = NamedFile(argument: file.path)?.name ?? file.path
            let collected = Collected()
            try await source.withAnswerer { answerer in
                let evaluation = ModelEvaluation(questioner: Questioner(engine: answerer.engine), images: folder)
                let progress = SharedProgress("\(item.title) on \(name)", total: file.conversations.count)
                await collected.set(
                    try await evaluation.run(name: name, conversations: file.conversations) { progress.advance() }, answerer.domains)
            }
            guard let outcome = await collected.outcome else { continue }
            reports.append(outcome.report)
            routed += zip(file.conversations, outcome.summaries).map { ($0, $1) }
            domains = await collected.domains
        }
        let progress = try LearningProgress(title: item.title, log: log)
        progress.record(
            .evaluation(
                EvaluationRecord(
                    stage: item.title,
                    datasets: Dictionary(
                        uniqueKeysWithValues: reports.map {
                            ($0.name, .init(closedAccuracy: $0.overall.closedAccuracy?.value, openRecall: $0.overall.openRecall?.value))
                        }))))
        if let table = DomainRouting(routed, experts: domains) {
            progress.record(
                .routing(
                    RoutingRecord(
                        stage: item.title, layers: table.layers, experts: table.experts, domains: table.domains, counts: table.counts)))
        }
        return EvaluationReport(
            settings: .init(model: item.job.out, maximumTokens: 16, aspect: "config", bootstrap: Bootstrap()), datasets: reports,
            seconds: start.milliseconds(to: .now) / 1000)
    }

    /// Carries what was found out of a closure that runs elsewhere.
    private actor Collected {
        var outcome: ModelEvaluation.Outcome?
        var domains: [String] = []

        func set(_ outcome: ModelEvaluation.Outcome, _ domains: [String]) { (self.outcome, self.domains) = (outcome, domains) }
    }
}
