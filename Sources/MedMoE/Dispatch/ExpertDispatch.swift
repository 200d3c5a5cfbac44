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
    ///   - whenUncovered: what happens while nobody holds an expert.
    func submit(_ tiles: [ExpertTile], deadline: ContinuousClock.Instant, whenUncovered: WhenUncovered) -> any DispatchTicket
}

/// What a ticket does while nobody holds one of its experts.
public enum WhenUncovered: Sendable, Hashable {
    /// Waits until its deadline.
    case wait
    /// Fails with `DispatchError.uncovered` as soon as an expert has been missing for longer than is usual when a worker is
    /// replaced, so that others who do not need it can go on.
    case report
}

extension ExpertDispatch {
    /// Sends tiles off and waits for missing experts until the deadline.
    public func submit(_ tiles: [ExpertTile], deadline: ContinuousClock.Instant) -> any DispatchTicket {
        submit(tiles, deadline: deadline, whenUncovered: .wait)
    }
}

/// Tiles under way.
public protocol DispatchTicket: Sendable {
    /// What `results()` gives, when it is known already; nil when one has to wait for it.
    var settled: Result<[TileResult], any Error>? { get }
    /// Waits for all tiles; results are in the order of the submitted tiles.
    ///
    /// - Throws: `DispatchError` when a tile cannot be computed before the deadline.
    func results() async throws -> [TileResult]
    /// Gives up: nobody will ask for the results. Harmless after the end.
    func cancel()
}

extension DispatchTicket {
    public var settled: Result<[TileResult], any Error>? { nil }
}

/// Why tiles could not be computed.
public enum DispatchError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Nobody held these experts until the deadline.
    case expertsLost([ExpertAddress])
    /// Somebody holds the experts, but did not answer until the deadline.
    case deadline([ExpertAddress])
    /// Nobody holds these experts at the moment; said before the deadline, because the submission asked for it.
    case uncovered([ExpertAddress])
    /// A tile that no worker would accept: its width, layer or expert does not fit the model.
    case rejected(String)
    /// Too many tiles wait for workers already: try again in a moment.
    case overloaded(String)
    /// The dispatch was shut down or the ticket cancelled.
    case cancelled

    public var description: String {
        switch self {
        case .expertsLost(let experts), .uncovered(let experts):
            "no worker holds \(Self.list(experts)): start a worker that announces them"
        case .deadline(let experts):
            "no answer before the deadline from the workers that hold \(Self.list(experts)): allow more time or look at their logs"
        case .rejected(let reason): "a worker refused a tile: \(reason)"
        case .overloaded(let reason): "the workers have too much to do: \(reason)"
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
