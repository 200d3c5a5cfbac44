import ArgumentParser
import Checkpoints
import Evaluation
import Foundation
import MedMoE

/// `medmoe eval`
struct EvalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Scores a model's answers to sets of questions and images, beside baselines that never see the image.",
        discussion: """
            Closed questions by accuracy, open ones by recall, exact match, F1 and BLEU-1 to BLEU-3, as the public evaluation \
            computes them, in percent with 95 % bootstrap intervals over questions; also per modality, organ and kind of question. \
            Answers are greedy. Everything is checked before anything is asked.

              medmoe eval --model DIR --images data --data data/slake/dev.json data/vqa-rad/dev.json \\
                --train data/slake/train.json data/vqa-rad/train.json --json report.json --markdown report.md
              medmoe eval --model DIR --npz pneumoniamnist.npz --labels normal,pneumonia

            FOR RESEARCH ONLY, NOT FOR CLINICAL USE.
            """)

    @OptionGroup(title: "Where the model runs") var source: SourceOptions
    @OptionGroup(title: "What is asked") var sets: EvalSets
    @OptionGroup(title: "Reports") var outputs: EvalOutputs

    @Option(name: .customLong("max-tokens"), help: ArgumentHelp("The most tokens of an answer.", valueName: "n"))
    var maximumTokens = 16

    @Option(help: ArgumentHelp("Questions under way at the same time.", valueName: "n"))
    var concurrency = 16

    @Option(help: ArgumentHelp("Seconds until a question is given up.", valueName: "seconds"))
    var deadline = 600.0

    @Option(help: ArgumentHelp("Samples of the bootstrap.", valueName: "n"))
    var resamples = 2000

    @Option(help: "Seed of the bootstrap: the same seed gives the same intervals.")
    var seed: UInt64 = 0

    func validate() throws {
        if maximumTokens < 1 { throw ValidationError("--max-tokens is \(maximumTokens); at least 1 is needed") }
        if !(1...1024).contains(concurrency) { throw ValidationError("--concurrency is \(concurrency); expected 1 to 1024") }
        if !(deadline > 0 && deadline <= 86_400) { throw ValidationError("--deadline is \(deadline); expected more than 0 and at most 86400 seconds") }
        if !(Bootstrap.fewestResamples...1_000_000).contains(resamples) {
            throw ValidationError("--resamples is \(resamples); expected \(Bootstrap.fewestResamples) to 1000000")
        }
    }

    func run() async throws {
        try outputs.prepare()
        let checked = try EvalInputs(sets, pillowExact: source.model.pillowExact)
        let parameters = try source.modelFolder.map { path in
            let folder = try source.model.folder(path)
            let configuration = try ModelConfiguration(contentsOf: URL(filePath: folder.configPath))
            return EvaluationReport.Parameters(try CheckpointSummary(of: folder, topK: configuration.mixture?.topK ?? 1))
        }
        try await source.withAnswerer { answerer in
            try await TerminationSignal.cancelling { try await evaluate(checked, parameters, answerer.engine) }
        }
    }

    private func evaluate(_ inputs: EvalInputs, _ parameters: EvaluationReport.Parameters?, _ engine: any AnswerEngine) async throws {
        let bootstrap = Bootstrap(resamples: resamples, seed: seed)
        let questioner = Questioner(engine: engine, concurrency: concurrency, deadlineMilliseconds: Int(deadline * 1000))
        let evaluation = ModelEvaluation(
            questioner: questioner, images: inputs.images, maximumTokens: maximumTokens, bootstrap: bootstrap)
        let start = ContinuousClock.now
        var outcomes: [ModelEvaluation.Outcome] = []
        for set in inputs.sets {
            let progress = SharedProgress(set.name, total: set.conversations.count)
            outcomes.append(
                try await evaluation.run(name: set.name, conversations: set.conversations, training: set.training) { progress.advance() })
        }
        let classification = ImageClassification(questioner: questioner, bootstrap: bootstrap, question: sets.arrayQuestion)
        var classified: [ImageClassification.Outcome] = []
        for images in inputs.arrays {
            let progress = SharedProgress(images.name, total: images.count)
            classified.append(try await classification.run(images) { progress.advance() })
        }
        let report = EvaluationReport(
            settings: .init(
                model: source.modelFolder, digest: outcomes.first?.summaries.first?.modelDigest, maximumTokens: maximumTokens,
                aspect: source.modelFolder == nil ? nil : source.model.aspect.rawValue, bootstrap: bootstrap),
            datasets: outcomes.map(\.report), classification: classified.map(\.report), parameters: parameters, skipped: inputs.skipped,
            degraded: outcomes.flatMap(\.summaries).count { $0.degraded } + classified.reduce(0) { $0 + $1.degraded },
            seconds: start.milliseconds(to: .now) / 1000)
        try outputs.write(report, predictions: outcomes.flatMap(PredictionRecord.all), classified.flatMap(\.records))
    }
}
