import Tensors

/// One step of learning: from a model and data to a model.
public struct StageJob: Sendable {
    public var settings: StageSettings
    /// Folder of the checkpoint to begin with.
    public var model: String
    /// Conversation files to learn from.
    public var data: [String]
    /// Conversation files that are kept apart: what the router is measured on.
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
        self.out = out
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
