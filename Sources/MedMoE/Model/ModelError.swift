/// A model that cannot be built or run.
public enum ModelError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A tensor that the configuration asks for is not in the checkpoint.
    case missingTensor(String, hint: String)
    /// A tensor has another shape than the configuration asks for.
    case wrongShape(tensor: String, found: [Int], expected: [Int])
    /// A tensor does not hold floating-point numbers.
    case wrongType(tensor: String, found: String)
    /// Configuration and weights do not fit together.
    case inconsistent(String)
    /// A computed number is not finite.
    case notFinite(String)

    public var description: String {
        switch self {
        case .missingTensor(let name, let hint): "tensor \"\(name)\" is missing\(hint.isEmpty ? "" : ": \(hint)")"
        case .wrongShape(let name, let found, let expected):
            "tensor \"\(name)\" has shape \(found); config.json asks for \(expected)"
        case .wrongType(let name, let found): "tensor \"\(name)\" is \(found); a floating-point type is needed"
        case .inconsistent(let text): text
        case .notFinite(let place): "\(place) is not a finite number: the weights are damaged"
        }
    }
}
