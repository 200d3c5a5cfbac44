import Tensors

/// What a checkpoint holds, in numbers, for people.
public struct CheckpointSummary: Sendable, Equatable {
    /// The tensors of the language model or of the tower.
    public struct Part: Sendable, Equatable {
        public fileprivate(set) var tensors = 0
        /// Elements of all tensors.
        public fileprivate(set) var parameters = 0
        /// Bytes per number type.
        public fileprivate(set) var bytes: [DType: Int] = [:]

        /// Bytes of all tensors.
        public var byteCount: Int { bytes.values.reduce(0, +) }
    }

    /// The language model with projector, experts and all; of a shard, all that the whole model has.
    public let model: Part
    /// The image tower; nil when it is neither at hand nor recorded.
    public let tower: Part?
    /// What lies in this folder; less than the model in a shard.
    public let held: Part
    /// Parameters of model and tower.
    public let totalParameters: Int
    /// Parameters that one token passes: all but the (K − k) experts per mixture layer that it is not routed to.
    public let activatedParameters: Int
    /// Number of experts of each mixture layer.
    public let expertsPerLayer: [Int: Int]
    /// Elements of each domain expert's tensors, over all mixture layers.
    public let expertParameters: [Int: Int]
    /// Elements of the modules that are always on, over all mixture layers: what every worker holds besides its experts.
    public let alwaysOnParameters: Int

    /// The activated parameters as a share of all, from 0 to 100.
    public var activatedPercentage: Double {
        totalParameters == 0 ? 100 : 100 * Double(activatedParameters) / Double(totalParameters)
    }

    /// Counts.
    ///
    /// A residual module beside a meta expert of the same shapes is counted once: in the public code they are one module.
    /// - Parameter topK: experts per token and mixture layer.
    /// - Throws: `CheckpointError.request` when `topK` is not from 1 to the number of experts, and what reading recorded digests throws.
    public init(of folder: CheckpointFolder, topK: Int) throws {
        var descriptors = try folder.recordedDigests()?.fingerprints.tensors.mapValues(\.descriptor) ?? [:]
        var held = Part()
        for name in folder.model.names {
            guard let descriptor = folder.model.descriptor(name) else { continue }
            descriptors[name] = descriptor
            try held.add(descriptor)
        }
        if let tower = try? folder.imageTower() {
            for name in tower.source.names { descriptors[name] = tower.source.descriptor(name) }
        }
        var model = Part()
        var tower = Part()
        var expertSizes: [Int: [Int: Int]] = [:]
        var alwaysOn = 0
        for (name, descriptor) in descriptors {
            switch TensorNames.role(of: name) {
            case .tower: try tower.add(descriptor)
            case .residual(let layer, let rest) where descriptors[TensorNames.meta(layer: layer) + rest] == descriptor: continue
            case .expert(let layer, let expert, _):
                try model.add(descriptor)
                // Within the limits that adding to the model just checked.
                expertSizes[layer, default: [:]][expert, default: 0] += descriptor.shape.reduce(1, *)
            case .meta, .residual:
                try model.add(descriptor)
                alwaysOn += descriptor.shape.reduce(1, *)
            default: try model.add(descriptor)
            }
        }
        var idle = 0
        for sizes in expertSizes.values {
            guard (1...sizes.count).contains(topK) else {
                throw CheckpointError.request("top-\(topK) routing is impossible with \(sizes.count) experts in a layer")
            }
            idle += sizes.values.sorted().dropLast(topK).reduce(0, +)
        }
        self.model = model
        self.tower = tower.tensors == 0 ? nil : tower
        self.held = held
        totalParameters = model.parameters + tower.parameters
        activatedParameters = totalParameters - idle
        expertsPerLayer = expertSizes.mapValues(\.count)
        expertParameters = expertSizes.values.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        alwaysOnParameters = alwaysOn
    }
}

extension CheckpointSummary.Part {
    /// Counts one tensor. Recorded shapes come from a file: their sum is checked.
    fileprivate mutating func add(_ descriptor: TensorDescriptor) throws {
        let size = try Tensor.byteCount(dtype: descriptor.dtype, shape: descriptor.shape)
        let (sum, overflow) = byteCount.addingReportingOverflow(size)
        guard !overflow, sum <= Int.max / 4 else {
            throw CheckpointError.limit(file: "metadata", field: "the size of all tensors", value: sum, limit: Int.max / 4)
        }
        tensors += 1
        parameters += size / descriptor.dtype.byteCount
        bytes[descriptor.dtype, default: 0] += size
    }
}
