import Checkpoints

/// Experts that want to be held, and the workers that may hold them.
public struct PlacementProblem: Sendable, Hashable {
    /// Bytes of each expert's weights, over all mixture layers, by index.
    public var expertBytes: [Int]
    /// Bytes that every worker needs besides its experts: its replica of the meta expert.
    public var sharedBytes: Int
    /// How much work each expert has, by index, in any unit; all zero counts as equal.
    public var traffic: [Double]
    /// Bytes for weights on each worker.
    public var memory: [Int]
    /// Copies of each expert that are wanted before any gets more, as far as memory and workers allow.
    public var replicas: Int

    public init(expertBytes: [Int], sharedBytes: Int, traffic: [Double]? = nil, memory: [Int], replicas: Int = 1) {
        self.expertBytes = expertBytes
        self.sharedBytes = sharedBytes
        self.traffic = traffic ?? expertBytes.map { _ in 1 }
        self.memory = memory
        self.replicas = replicas
    }

    /// Sizes as a worker has them in memory: float32, whatever the checkpoint stores.
    public init(
        of summary: CheckpointSummary, traffic: [Double]? = nil, memory: [Int], replicas: Int = 1
    ) {
        let count = (summary.expertParameters.keys.max() ?? -1) + 1
        self.init(
            expertBytes: (0..<count).map { (summary.expertParameters[$0] ?? 0) * MemoryLayout<Float>.size },
            sharedBytes: summary.alwaysOnParameters * MemoryLayout<Float>.size, traffic: traffic, memory: memory,
            replicas: replicas)
    }

    /// Each expert's part of all traffic; the sum is 1.
    var shares: [Double] {
        let total = traffic.reduce(0, +)
        guard total > 0 else { return traffic.map { _ in 1 / Double(traffic.count) } }
        return traffic.map { $0 / total }
    }

    /// Bytes for experts on each worker.
    var room: [Int] { memory.map { $0 - sharedBytes } }

    /// The same with the first workers only.
    func with(workers: Int) -> PlacementProblem {
        var copy = self
        copy.memory = Array(memory.prefix(workers))
        return copy
    }
}

/// Why experts cannot be placed.
public enum PlacementError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The model has no experts.
    case nothingToPlace
    case noWorkers
    /// One expert does not fit any worker.
    case expertTooLarge(expert: Int, needed: Int, largest: Int)
    /// All experts once, with what each worker needs anyway, are more than all workers have.
    case tooLittle(needed: Int, available: Int, workers: Int)
    /// In total there is room, but not in pieces that fit; `suffices` is a memory per worker with which it was found to work.
    case fragmented(workers: Int, suffices: Int)
    /// Traffic that is not one finite number of at least 0 per expert.
    case badTraffic(String)

    public var description: String {
        switch self {
        case .nothingToPlace: "the model has no experts: there is nothing to place"
        case .noWorkers: "experts cannot be placed on no workers: give at least one"
        case .expertTooLarge(let expert, let needed, let largest):
            "expert \(expert) with the meta expert needs \(needed) bytes on one worker, but the largest has \(largest): give a worker at least \(needed)"
        case .tooLittle(let needed, let available, let workers):
            "every expert once, and the meta expert on each of \(workers) workers, needs \(needed) bytes in all, but there are \(available): give more memory or more workers"
        case .fragmented(let workers, let suffices):
            "the experts do not fit \(workers) workers of these sizes, although the sum would do: \(suffices) bytes on each suffice"
        case .badTraffic(let problem): "the traffic is not usable: \(problem)"
        }
    }
}
