import ArgumentParser
import Foundation
import Tensors
import Training

/// What all steps of learning have in common.
struct TrainOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Conversation files in the LLaVA format, JSON or JSONL.", valueName: "file"))
    var data: [String] = []

    @Option(help: ArgumentHelp("Checkpoint to begin with.", valueName: "dir"))
    var model: String

    @Option(help: ArgumentHelp("Folder to make.", valueName: "dir"))
    var out: String

    @Option(help: "How often every example is seen. (default: \(Self.defaults { "\($0.epochs)" }))") var epochs: Int?
    @Option(help: "Examples per update. (default: \(Self.defaults { "\($0.batch)" }))") var batch: Int?
    @Option(name: .customLong("micro-batch"), help: "Examples that go through the model at once: less takes less memory. (default: \(Self.common.microBatch))") var microBatch: Int?
    @Option(help: "Learning rate after the warm-up. (default: \(Self.defaults { "\($0.rate)" }))") var rate: Double?
    @Option(name: .customLong("warm-up"), help: "Part of all updates that warm up. (default: \(Self.common.warmUp))") var warmUp: Double?
    @Option(help: "Largest norm of the gradient; 0 for no limit. (default: \(Self.common.clip ?? 0))") var clip: Double?
    @Option(help: "AdamW's weight decay of matrices. (default: \(Self.common.optimiser.decay))") var decay: Float?
    @Option(help: "AdamW's second beta. (default: \(Self.common.optimiser.beta2))") var beta2: Float?
    @Option(help: "Seed of order and new weights. (default: \(Self.common.seed))") var seed: UInt64?
    @Flag(help: "Compute activations again in the backward pass: less memory, a third more work.") var recompute = false
    @Flag(name: .customLong("lower-case-answers"), help: "Learn answers in lower case.") var lowerCaseAnswers = false
    @Flag(help: "Change images a little each time they are seen (align, instruct, experts; encoder always does).") var augment = false
    @Option(name: .customLong("checkpoint-every"), help: "Updates between checkpoints; 0 for none. (default: \(Self.common.checkpointEvery))") var checkpointEvery: Int?
    @Flag(name: .customLong("skip-bad"), help: "Leave bad entries out and count them. By default one is enough to refuse all.") var skipBad = false
    @OptionGroup var compute: TrainThreads
    @Option(help: "What the weights are stored as: f32 or bf16.") var dtype: StoredType = .f32
    @Option(help: ArgumentHelp("File that the log goes to, a JSON object a line. (default: the output folder's name with .log.jsonl)", valueName: "file")) var log: String?

    /// Number types that a trained model is stored in.
    enum StoredType: String, ExpressibleByArgument, CaseIterable {
        case f32, bf16

        var dtype: DType { self == .bf16 ? .bfloat16 : .float32 }
    }

    /// For settings that are the same in all steps.
    private static let common = StageSettings(.instruct)

    /// A setting's default in each step, for the help.
    private static func defaults(_ setting: (StageSettings) -> String) -> String {
        TrainingStep.allCases.map { "\($0.rawValue) \(setting(StageSettings($0)))" }.joined(separator: ", ")
    }

    func validate() throws {
        guard !data.isEmpty else { throw ValidationError("name the data with --data FILE") }
    }

    /// The step's settings with what the user said otherwise.
    ///
    /// - Throws: `TrainingError.impossible` for options that the step does not read.
    func job(_ step: TrainingStep, images: String?) throws -> StageJob {
        var wanted = RecipeStep(step)
        wanted.epochs = epochs
        wanted.batch = batch
        wanted.microBatch = microBatch
        wanted.rate = rate
        wanted.warmUp = warmUp
        wanted.clip = clip
        wanted.decay = decay
        wanted.beta2 = beta2
        wanted.recompute = recompute
        wanted.lowerCaseAnswers = lowerCaseAnswers
        wanted.augment = augment
        wanted.checkpointEvery = checkpointEvery
        try wanted.checkReaders()
        var job = StageJob(wanted.settings(seed: seed ?? 0), model: model, data: data, images: images, out: out)
        job.skipsBad = skipBad
        job.threads = compute.count
        job.dtype = dtype.dtype
        return job
    }
}

/// How much of this machine learns. Results do not depend on it.
struct TrainThreads: ParsableArguments {
    @Option(help: ArgumentHelp("Threads that compute; by default one for each core.", valueName: "n"))
    var threads: Int?

    func validate() throws {
        if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads is \(threads); expected 1 to 1024") }
    }

    var count: Int { threads ?? ProcessInfo.processInfo.activeProcessorCount }
}

/// Where images lie.
struct TrainImagesOption: ParsableArguments {
    @Option(help: ArgumentHelp("Folder that the images' paths start from.", valueName: "dir"))
    var images: String
}

/// Which layers become mixtures, of which experts.
struct MixtureOptions: ParsableArguments {
    @Option(help: "Mixture layers: every second one (sparse), dense, first_half or second_half.") var mode: MixtureShape.Mode = .sparse
    @Option(help: "Domains of the experts, separated by commas: modality labels of the data.") var domains = "CT,MRI,X-Ray,Pathology"

    func apply(to job: inout StageJob) throws {
        job.shape.mode = mode
        job.shape.domains = domains.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        guard (2...4096).contains(job.shape.domains.count), Set(job.shape.domains).count == job.shape.domains.count else {
            throw ValidationError("--domains is \(domains); expected 2 or more different names")
        }
    }
}

extension MixtureShape.Mode: ExpressibleByArgument {}
