/// Which part of a model a folder holds, as `medmoe_shard` in its config.json says.
public enum ShardRole: Sendable, Hashable, CustomStringConvertible {
    /// All of it: config.json says nothing.
    case complete
    /// Everything but domain experts, meta experts and residual modules.
    case coordinator
    /// The domain experts of these numbers in every mixture layer, and the modules that are always on.
    case experts([Int])

    /// The key in config.json.
    static let key = "medmoe_shard"
    /// Highest expert number that is accepted.
    static let expertLimit = 1 << 16

    public var description: String {
        switch self {
        case .complete: "complete model"
        case .coordinator: "coordinator's part"
        case .experts(let experts): "experts \(experts.map(String.init).joined(separator: ", "))"
        }
    }

    init(config: JSONValue, file: String) throws {
        guard let object = config[Self.key], object != .null else {
            self = .complete
            return
        }
        func damaged(_ problem: String) -> CheckpointError { .malformed(file: file, field: Self.key, problem: problem) }
        switch object["role"]?.text {
        case "coordinator": self = .coordinator
        case "experts":
            guard case .array(let values) = object["experts"], !values.isEmpty else { throw damaged("experts is not a list of numbers") }
            let experts = values.compactMap(\.integer)
            guard experts.count == values.count, experts.allSatisfy({ (0...Self.expertLimit).contains($0) }), Set(experts).count == experts.count
            else { throw damaged("experts is not a list of different numbers from 0 to \(Self.expertLimit)") }
            self = .experts(experts.sorted())
        default: throw damaged("role is neither coordinator nor experts")
        }
    }

    /// What goes into config.json; nil for a complete model.
    var json: JSONValue? {
        switch self {
        case .complete: nil
        case .coordinator: .object([.init(key: "role", value: .string("coordinator"))])
        case .experts(let experts):
            .object([
                .init(key: "role", value: .string("experts")),
                .init(key: "experts", value: .array(experts.map { .number(String($0)) })),
            ])
        }
    }
}
