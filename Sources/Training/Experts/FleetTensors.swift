import Checkpoints
import Tensors

/// What experts on a fleet know, by the names of a checkpoint. A tensor crosses the network when it is asked for, so that however
/// large the experts are, a writer holds one of them at a time.
///
/// Only for the learner's own thread: asking blocks it.
struct FleetTensors: TensorSource, @unchecked Sendable {
    let names: [String]
    private let fleet: any ExpertFleet
    private let tensors: [String: (place: ExpertTensor, state: LearningState, shape: [Int])]

    /// - Parameter naming: what a checkpoint calls each of the states of a tensor.
    init(_ fleet: any ExpertFleet, _ course: ExpertCourse, _ states: [LearningState], naming: (LearningState, String) -> String) {
        self.fleet = fleet
        var tensors: [String: (place: ExpertTensor, state: LearningState, shape: [Int])] = [:]
        for (place, name, shape) in course.tensors {
            for state in states { tensors[naming(state, name)] = (place, state, shape) }
        }
        self.tensors = tensors
        names = tensors.keys.sorted()
    }

    func descriptor(_ name: String) -> TensorDescriptor? {
        tensors[name].map { TensorDescriptor(dtype: .float32, shape: $0.shape) }
    }

    func tensor(_ name: String) throws -> Tensor {
        guard let tensor = tensors[name] else { throw CheckpointError.missingTensor(file: file(of: name), tensor: name) }
        let copy = try fleet.copy(tensor.place, tensor.state)
        return try Tensor(dtype: copy.dtype, shape: tensor.shape, storage: copy.storage, byteOffset: copy.byteOffset)
    }

    func file(of name: String) -> String { "a trainer" }
}

/// Several sources as one; the first that has a tensor gives it.
struct JoinedTensors: TensorSource {
    let names: [String]
    private let sources: [any TensorSource]

    init(_ sources: [any TensorSource]) {
        self.sources = sources
        names = Set(sources.flatMap(\.names)).sorted()
    }

    func descriptor(_ name: String) -> TensorDescriptor? { sources.lazy.compactMap { $0.descriptor(name) }.first }

    func tensor(_ name: String) throws -> Tensor { try source(of: name).tensor(name) }

    func file(of name: String) -> String { (try? source(of: name))?.file(of: name) ?? "memory" }

    private func source(of name: String) throws -> any TensorSource {
        guard let source = sources.first(where: { $0.descriptor(name) != nil }) else {
            throw CheckpointError.missingTensor(file: sources.last?.file(of: name) ?? "memory", tensor: name)
        }
        return source
    }
}
