import ArgumentParser

/// `medmoe train experts`
struct TrainExpertsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "experts", abstract: "Step 3: FFNs become mixture layers; domain experts and meta experts learn.")

    @OptionGroup var options: TrainOptions
    @OptionGroup var images: TrainImagesOption
    @OptionGroup var mixture: MixtureOptions

    @Option(help: ArgumentHelp("Pre-trained router, if it is not in the model's folder.", valueName: "file")) var router: String?
    @Flag(name: .customLong("without-router"), help: "Begin with random gates instead of a pre-trained router.") var withoutRouter = false
    @Flag(name: .customLong("without-meta"), help: "No meta expert.") var withoutMeta = false
    @Flag(help: "Keep the dense FFNs: the control without experts.") var dense = false
    @Option(name: .customLong("top-k"), help: "Experts per token: 1 or 2. (default: 1)") var topK: Int?
    @Flag(name: .customLong("freeze-projector"), help: "Leave the projector as it is, as the paper says; the public code trains it.")
    var freezeProjector = false
    @OptionGroup var trainers: TrainersOptions

    func validate() throws {
        if dense, trainers.workers != nil { throw ValidationError("--dense has no experts that could learn in --workers") }
        if dense, withoutMeta || withoutRouter || router != nil || topK != nil {
            throw ValidationError("--dense has no experts: leave --top-k, --without-meta, --router and --without-router out")
        }
        if router != nil, withoutRouter { throw ValidationError("--router names a router, and --without-router wants none: leave one of them out") }
        if let topK, !(1...2).contains(topK) { throw ValidationError("--top-k is \(topK); expected 1 or 2") }
    }

    func run() async throws {
        var job = try options.job(.experts, images: images.images)
        try mixture.apply(to: &job)
        job.shape.topK = topK ?? job.shape.topK
        job.shape.hasMeta = !withoutMeta
        job.router = router
        job.withoutRouter = withoutRouter
        job.staysDense = dense
        job.settings.freezesProjector = freezeProjector
        try await learn(job, options, trainers)
    }
}
