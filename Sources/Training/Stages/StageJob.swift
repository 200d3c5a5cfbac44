import Checkpoints
import Foundation
import Tensors

/// One step of learning: from a model and data to a model.
public struct StageJob: Sendable {
    public var settings: StageSettings
    /// Folder of the checkpoint to begin with.
    public var model: String
    /// Conversation files to learn from.
    public var data: [String]
    /// Conversation files that are kept apart: what the router, or the encoder's modality head, is measured on.
    public var heldOut: [String]
    /// Folder that the images' paths start from; nil for text alone.
    public var images: String?
    /// Folder to make.
    public var out: String
    /// Mixture layers: what the router chooses among, and what the experts step makes of a dense model.
    public var shape: MixtureShape
    /// File with the pre-trained router, `fc1.weight` and `fc1.bias`; nil for `router.safetensors` of the model's folder.
    public var router: String?
    /// Experts step: gates begin with random weights instead of a pre-trained router.
    public var withoutRouter: Bool
    /// Experts step: whether dense FFNs stay dense: the control without experts.
    public var staysDense: Bool
    /// At most so many examples of a file, drawn by the seed; by path.
    public var limits: [String: Int]
    /// Router step: at most so many labelled examples.
    public var labelledExamples: Int
    /// Whether bad entries are left out.
    public var skipsBad: Bool
    public var threads: Int
    /// What the finished model's weights are stored as.
    public var dtype: DType
    /// Memory for features of images, in bytes.
    public var featureBytes: Int

    public init(_ settings: StageSettings, model: String, data: [String], images: String?, out: String) {
        self.settings = settings
        self.model = model
        self.data = data
        self.images = images
        // Checkpoints go to OUT.steps beside it: "OUT/" would put them inside.
        self.out = out.count > 1 && out.hasSuffix("/") ? String(out.reversed().drop { $0 == "/" }.reversed()) : out
        heldOut = []
        shape = MixtureShape()
        router = nil
        withoutRouter = false
        staysDense = false
        limits = [:]
        labelledExamples = 2500
        skipsBad = false
        threads = 2
        dtype = .float32
        featureBytes = 4 << 30
    }
}

extension StageJob {
    /// - Throws: `TrainingError.impossible` that names the setting and what is possible.
    public func check() throws {
        func require(_ holds: Bool, _ text: @autoclosure () -> String) throws {
            if !holds { throw TrainingError.impossible("\(settings.step.rawValue): \(text())") }
        }
        try settings.check()
        try require(labelledExamples > 0, "labelled is \(labelledExamples); expected 1 or more examples")
        for (file, limit) in limits { try require(limit > 0, "the limit of \(file) is \(limit); expected 1 or more entries") }
        let domains = shape.domains
        try require(
            (1...4096).contains(domains.count) && Set(domains).count == domains.count && !domains.contains(""),
            "the domains are \(domains); expected 1 to 4096 different names")
        try require(
            (1...min(2, domains.count)).contains(shape.topK),
            "\(shape.topK) experts per token of \(domains.count); expected 1 or 2, and no more than there are experts")
    }

    /// A model that has experts learns on as it is.
    ///
    /// - Parameters:
    ///   - mixture: what the model has.
    ///   - hasMeta: whether its always-on module is a meta expert.
    /// - Throws: `TrainingError.impossible` that names a setting by which its experts would be others.
    func checkShape(is mixture: ModelConfiguration.Mixture, hasMeta: Bool, layerCount: Int) throws {
        let own = MixtureShape()
        let differs = [
            ("dense", staysDense), ("a router", router != nil), ("without router", withoutRouter),
            ("top-k", shape.topK != own.topK && shape.topK != mixture.topK),
            ("without meta", !shape.hasMeta && hasMeta),
            ("mode", shape.mode != own.mode && shape.mode.layers(of: layerCount) != mixture.layers),
            ("domains", shape.domains != own.domains && shape.domains != mixture.domains),
        ]
        if let (name, _) = differs.first(where: \.1) {
            throw TrainingError.impossible("\(model) has experts already and learns on with them as they are: leave \"\(name)\" out, or begin with the dense model")
        }
    }

    /// - Throws: `CheckpointError.outputExists` when there is something where the model should go.
    public func checkOutput() throws {
        if let names = try? FileManager.default.contentsOfDirectory(atPath: out) {
            if !names.isEmpty { throw CheckpointError.outputExists(folder: out) }
        } else if FileManager.default.fileExists(atPath: out) {
            throw CheckpointError.system(file: out, operation: "making the folder", reason: "there is a file of that name; choose another --out")
        }
    }
}
