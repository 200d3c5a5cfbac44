import Tensors

/// A value of a pickle. Containers are numbers of boxes in a `PickleHeap`: values never own other values, so neither
/// nesting nor self-reference can make copying or freeing them deep.
enum PickleValue: Sendable, Hashable {
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case string(String)
    case tuple(box: Int)
    case list(box: Int)
    case dict(box: Int)
    case global(PickleGlobal)
    case storage(TorchStorage)
    case tensor(box: Int)
}

/// A storage that a pickle refers to by its persistent id.
struct TorchStorage: Sendable, Hashable {
    /// The number type of the storage; nil for bytes.
    let dtype: DType?
    /// The name of the zip entry below `data/`.
    let key: String
    /// Elements, or bytes of an untyped one.
    let count: Int
}

/// A tensor as a pickle describes it: a strided view of a storage. Not checked against the storage's bytes yet.
struct TorchTensor: Sendable, Hashable {
    let storage: TorchStorage
    let dtype: DType
    /// First element, counted in elements of `dtype`.
    let offset: Int
    let shape: [Int]
    /// In elements.
    let strides: [Int]
}

/// The containers that a pickle has made so far, with limits on their number, their total size and their nesting.
struct PickleHeap: Sendable {
    /// The elements of each container; of a dict, keys and values in turn.
    private(set) var boxes: [[PickleValue]] = []
    private var depths: [Int] = []
    private(set) var tensors: [TorchTensor] = []
    private var elements = 0
    private let file: String

    /// Deepest nesting of containers.
    static let depthLimit = 64
    /// Most containers and elements of containers together; a tensor takes about thirty.
    static let elementLimit = 1 << 20

    init(file: String) { self.file = file }

    /// Makes a container and returns its number.
    mutating func box(_ values: [PickleValue] = []) throws -> Int {
        try count()
        boxes.append([])
        depths.append(1)
        try append(values, to: boxes.count - 1)
        return boxes.count - 1
    }

    /// Counts one more container or element.
    private mutating func count() throws {
        elements += 1
        guard elements <= Self.elementLimit else {
            throw CheckpointError.limit(
                file: file, field: "the number of elements in the pickle", value: elements, limit: Self.elementLimit)
        }
    }

    /// Adds elements to a container.
    mutating func append(_ values: some Sequence<PickleValue>, to box: Int) throws {
        for value in values {
            try count()
            if let child = value.box {
                guard child != box else {
                    throw CheckpointError.malformed(file: file, field: "pickle", problem: "a container contains itself")
                }
                depths[box] = max(depths[box], depths[child] + 1)
                guard depths[box] <= Self.depthLimit else {
                    throw CheckpointError.limit(file: file, field: "the nesting of the pickle", value: depths[box], limit: Self.depthLimit)
                }
            }
            boxes[box].append(value)
        }
    }

    /// Keeps a tensor.
    mutating func tensor(_ tensor: TorchTensor) -> PickleValue {
        tensors.append(tensor)
        return .tensor(box: tensors.count - 1)
    }

    /// The elements of a tuple or list, or nil for anything else.
    func sequence(_ value: PickleValue) -> [PickleValue]? {
        switch value {
        case .tuple(let box), .list(let box): boxes[box]
        default: nil
        }
    }

    /// The pairs of a dict whose keys are strings, in order; nil for anything else.
    func members(_ value: PickleValue) -> [(key: String, value: PickleValue)]? {
        guard case .dict(let box) = value else { return nil }
        let flat = boxes[box]
        var members: [(String, PickleValue)] = []
        for place in stride(from: 0, to: flat.count - 1, by: 2) {
            guard case .string(let key) = flat[place] else { return nil }
            members.append((key, flat[place + 1]))
        }
        return members
    }
}

extension PickleValue {
    /// The number of its container, if it is one.
    fileprivate var box: Int? {
        switch self {
        case .tuple(let box), .list(let box), .dict(let box): box
        default: nil
        }
    }

    /// What it is, for messages.
    var kind: String {
        switch self {
        case .none: "None"
        case .bool: "a truth value"
        case .integer: "an integer"
        case .float: "a float"
        case .string: "a string"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dict: "a dict"
        case .global: "a class or function"
        case .storage: "a storage"
        case .tensor: "a tensor"
        }
    }
}
