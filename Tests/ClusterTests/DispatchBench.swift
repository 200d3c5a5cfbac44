import MedMoE
import Tensors
import Testing
import Wire

@testable import Cluster

/// Drives one machine by hand and remembers what it wanted.
struct DispatchBench {
    var machine: DispatchMachine
    var now = Moment.now
    var sent: [(peer: PeerIdentity, message: CoordinatorMessage)] = []
    var finished: [TicketID: [Result<[TileResult], DispatchError>]] = [:]
    var notes: [Note] = []
    var assigned: [AssignmentID: (failure: String?, experts: [Int])] = [:]

    init(experts: [ExpertAddress] = addresses(layers: 0..<2, experts: [0, 1]), change: (inout DispatchMachine.Configuration) -> Void = { _ in }) {
        var configuration = DispatchMachine.Configuration(
            coordinator: .random(), width: 4, required: Set(experts), firstEpoch: 100, firstTile: 1000)
        change(&configuration)
        machine = DispatchMachine(configuration)
    }

    mutating func handle(_ event: DispatchMachine.Event) {
        for directive in machine.handle(event, now: now) {
            switch directive {
            case .send(let peer, let message): sent.append((peer, message))
            case .finish(let ticket, let result): finished[ticket, default: []].append(result)
            case .assigned(let id, let failure, let experts): assigned[id] = (failure, experts)
            case .note(let note): notes.append(note)
            }
        }
    }

    /// Lets time pass as a shell does: with a tick whenever the machine wants one, and one at the end.
    mutating func advance(_ duration: Duration) {
        let end = now + duration
        while let wake = machine.nextWake, wake < end {
            now = max(now, wake)
            handle(.tick)
        }
        now = end
        handle(.tick)
    }

    @discardableResult
    mutating func join(_ name: String, _ experts: [ExpertAddress], model: UInt8 = 1, width: Int = 4) throws -> PeerIdentity {
        let incarnation = Incarnation.random()
        handle(
            .message(
                .worker(incarnation), .hello(Hello(incarnation: incarnation, name: name, try holdings(experts, width: width, model: model)))))
        return .worker(incarnation)
    }

    /// Signs of life of workers that have nothing else to say.
    mutating func beat(_ peers: PeerIdentity...) { for peer in peers { handle(.message(peer, .beat)) } }

    func tiles(to peer: PeerIdentity? = nil) -> [Tile] {
        sent.compactMap { if peer == nil || $0.peer == peer, case .tile(let tile) = $0.message { tile } else { nil } }
    }

    func rejections(to peer: PeerIdentity) -> [Rejection] {
        sent.compactMap { if $0.peer == peer, case .rejected(let rejection) = $0.message { rejection } else { nil } }
    }

    mutating func answer(_ tile: Tile, from peer: PeerIdentity, with rows: Tensor? = nil) throws {
        let rows = try rows ?? matrix(tile.payload.rows, 4) { Float($0) }
        handle(
            .message(
                peer,
                .tileDone(
                    TileDone(
                        epoch: tile.epoch, tile: tile.tile, attempt: tile.attempt, expertRows: rows.shape[0], computeNanoseconds: 5,
                        payload: try Payload(rows)))))
    }

    func outcome(_ ticket: UInt64) -> Result<[TileResult], DispatchError>? { finished[TicketID(ticket)]?.first }
}
