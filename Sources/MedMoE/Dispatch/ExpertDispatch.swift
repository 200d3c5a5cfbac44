/// How the model reaches its experts: in process, or on workers over the network.
///
/// Split in two phases, so that all tiles of a mixture layer are on their way before anyone waits for one,
/// and so that the coordinator can compute other sequences meanwhile.
public protocol ExpertDispatch: Sendable {
    /// Sends tiles off and returns at once.
    ///
    /// - Parameters:
    ///   - tiles: all tiles of one mixture layer of one step.
    ///   - deadline: when waiting becomes pointless; the ticket then fails with an error that names the experts still owed.
    func submit(_ tiles: [ExpertTile], deadline: ContinuousClock.Instant) -> any DispatchTicket
}

/// Tiles under way.
public protocol DispatchTicket: Sendable {
    /// Waits for all tiles; results are in the order of the submitted tiles.
    ///
    /// - Throws: `DispatchError` when a tile cannot be computed before the deadline.
    func results() async throws -> [TileResult]
    /// Gives up: nobody will ask for the results. Harmless after the end.
    func cancel()
}

/// Why tiles could not be computed.
public enum DispatchError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Nobody held these experts until the deadline.
    case expertsLost([ExpertAddress])
    /// Somebody holds the experts, but did not answer until the deadline.
    case deadline([ExpertAddress])
    /// A tile that no worker would accept: its width, layer or expert does not fit the model.
    case rejected(String)
    /// The dispatch was shut down or the ticket cancelled.
    case cancelled

    public var description: String {
        switch self {
        case .expertsLost(let experts):
            "no worker holds \(Self.list(experts)): start a worker that announces them"
        case .deadline(let experts):
            "no answer before the deadline from the workers that hold \(Self.list(experts)): allow more time or look at their logs"
        case .rejected(let reason): "a worker refused a tile: \(reason)"
        case .cancelled: "the dispatch was cancelled"
        }
    }

    /// Groups addresses by expert: `expert 2 (layers 0, 2)`.
    static func list(_ experts: [ExpertAddress]) -> String {
        Dictionary(grouping: experts, by: \.expert).sorted { $0.key < $1.key }
            .map { expert, places in
                "expert \(expert) (layer\(places.count == 1 ? "" : "s") \(Set(places.map(\.layer)).sorted().map(String.init).joined(separator: ", ")))"
            }
            .joined(separator: ", ")
    }
}
