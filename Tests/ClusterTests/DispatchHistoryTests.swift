import Foundation
import MedMoE
import Tensors
import Testing
import Wire

@testable import Cluster

/// A coordinator and some workers under a virtual clock and a bad network.
///
/// Fake workers answer rows that name the tile, the attempt and the session; so an accepted reply shows whether it was the
/// one that was owed.
private struct History {
    struct Worker {
        var machine: WorkerMachine
        var experts: [Int]
        var isAlive = true
        var cutUntil: Moment?
    }

    struct Owed: Equatable {
        var peer: PeerIdentity
        var epoch: UInt64
        var attempt: Int
    }

    enum Action {
        case toWorker(PeerIdentity, CoordinatorMessage)
        case toCoordinator(PeerIdentity, WorkerMessage)
        case computed(PeerIdentity, UInt64, WorkerMachine.Computed)
    }

    var random: Seeded
    var now = Moment.now
    var machine: DispatchMachine
    var workers: [PeerIdentity: Worker] = [:]
    var names = 0
    var pending: [(at: Moment, action: Action)] = []
    var lastSent: [UInt64: Owed] = [:]
    var sessions: [UInt64: PeerIdentity] = [:]
    var deadlines: [TicketID: Moment] = [:]
    var tileCounts: [TicketID: Int] = [:]
    var ends: [TicketID: Int] = [:]
    var successes = 0
    var problems: [String] = []
    var calm = false

    init(seed: UInt64) {
        random = Seeded(state: seed)
        var configuration = DispatchMachine.Configuration(
            coordinator: .random(using: &random), width: 4, required: Set(addresses(layers: 0..<2, experts: [0, 1, 2])), firstEpoch: 1,
            firstTile: 1)
        configuration.creditBytes = 100
        configuration.mostWaitingTiles = 12
        configuration.overdue = .seconds(2)
        machine = DispatchMachine(configuration)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    mutating func time(_ range: ClosedRange<Int>) -> Duration { .milliseconds(Int.random(in: range, using: &random)) }

    mutating func start(experts: [Int]) throws {
        let incarnation = Incarnation.random(using: &random)
        names += 1
        let hello = Hello(incarnation: incarnation, name: "w\(names)", try holdings(addresses(layers: 0..<2, experts: experts)))
        var configuration = WorkerMachine.Configuration(hello: hello, links: 1)
        configuration.mostQueuedTiles = 3
        workers[.worker(incarnation)] = Worker(machine: WorkerMachine(configuration), experts: experts)
        worker(.worker(incarnation), .start)
    }

    // MARK: - Carrying out

    mutating func coordinator(_ event: DispatchMachine.Event) {
        for directive in machine.handle(event, now: now) {
            switch directive {
            case .send(let peer, let message): send(message, to: peer)
            case .finish(let ticket, let result): finish(ticket, result)
            case .assigned, .note: break
            }
        }
        check()
    }

    mutating func send(_ message: CoordinatorMessage, to peer: PeerIdentity) {
        // Directives of one batch may be overtaken: a send that fails re-dispatches tiles of sends that follow it.
        if case .tile(let tile) = message, tile.attempt > lastSent[tile.tile]?.attempt ?? 0 {
            lastSent[tile.tile] = Owed(peer: peer, epoch: tile.epoch, attempt: tile.attempt)
        }
        if case .welcome(let welcome) = message {
            if sessions[welcome.epoch] != nil { problems.append("session \(welcome.epoch) was given twice") }
            sessions[welcome.epoch] = peer
        }
        guard let worker = workers[peer], worker.isAlive else {
            // What the shell does when sending fails.
            if calm || chance(70) { coordinator(.unreachable(peer)) }
            return
        }
        guard worker.cutUntil.map({ $0 <= now }) ?? true else { return }
        deliver(.toWorker(peer, message))
    }

    mutating func deliver(_ action: Action) {
        pending.append((now + time(0...30), action))
        guard !calm else { return }
        if chance(5) { pending.append((now + time(0...300), action)) }
        if chance(3) { pending[pending.count - 1].at = now + time(500...4000) }
    }

    mutating func worker(_ peer: PeerIdentity, _ event: WorkerMachine.Event) {
        guard var worker = workers[peer], worker.isAlive else { return }
        let directives = worker.machine.handle(event, now: now)
        workers[peer] = worker
        if worker.machine.queuedTiles > 3 { problems.append("a worker queued \(worker.machine.queuedTiles) tiles") }
        for directive in directives {
            switch directive {
            case .send(_, let message):
                if worker.cutUntil.map({ $0 <= now }) ?? true { deliver(.toCoordinator(peer, message)) }
            case .compute(let job): pending.append((now + time(1...200), .computed(peer, job.id, compute(job, peer))))
            case .left: workers[peer]?.isAlive = false
            case .reopen, .rejected, .welcomed, .note, .load, .unload: break
            }
        }
    }

    mutating func compute(_ job: WorkerMachine.Job, _ peer: PeerIdentity) -> WorkerMachine.Computed {
        guard let origin = workers[peer]?.machine.computing[job.id] else { return .failed("no origin") }
        if !calm, chance(4) { return .failed("a fault") }
        let spoilt = !calm && chance(4)
        let rows = try? matrix(job.tile.rowCount, 4) { index in
            if spoilt { return .nan }
            return [Float(origin.tile), Float(origin.attempt), Float(origin.epoch), 0][index % 4]
        }
        return rows.map { .rows($0, nanoseconds: 1) } ?? .failed("no rows")
    }

    // MARK: - Checking

    mutating func finish(_ ticket: TicketID, _ result: Result<[TileResult], DispatchError>) {
        ends[ticket, default: 0] += 1
        if ends[ticket] != 1 { problems.append("ticket \(ticket.value) ended \(ends[ticket] ?? 0) times") }
        guard case .success(let results) = result else { return }
        successes += 1
        if results.count != tileCounts[ticket] { problems.append("ticket \(ticket.value) has \(results.count) results") }
        for result in results {
            let row = numbers(result.rows)
            guard let owed = lastSent[UInt64(row[0])] else {
                problems.append("a result for a tile that was never sent")
                continue
            }
            if owed.attempt != Int(row[1]) || owed.epoch != UInt64(row[2]) {
                problems.append("tile \(row[0]): attempt \(row[1]) of session \(row[2]) was accepted, owed was \(owed)")
            }
        }
    }

    mutating func check() {
        for worker in machine.workers.values {
            if worker.owedBytes > max(machine.configuration.creditBytes, 3 * 16) { problems.append("credit: \(worker.owedBytes) bytes") }
            if worker.owedBytes != worker.owed.values.reduce(0, { $0 + $1.bytes }) { problems.append("bytes do not add up") }
            if worker.owedRows != worker.owed.values.reduce(0, { $0 + $1.rows }) { problems.append("rows do not add up") }
        }
        // Every open tile is with a worker that owes it, or waits.
        for (id, state) in machine.tiles {
            if let peer = state.worker {
                if machine.workers[peer]?.owed[id]?.attempt != state.attempt { problems.append("nobody owes tile \(id)") }
            } else if machine.waiting[state.tile.address]?.contains(id) != true {
                problems.append("tile \(id) is nowhere")
            }
        }
        let queued = machine.waiting.values.reduce(0) { $0 + $1.count }
        if queued != machine.waitingCount { problems.append("\(queued) tiles wait, \(machine.waitingCount) are counted") }
        // Tiles that come back from lost workers may wait too, beyond the limit for new ones: never more than exist.
        if queued > machine.tiles.count { problems.append("\(queued) tiles wait of \(machine.tiles.count)") }
    }

    // MARK: - Running

    mutating func step() {
        // The earliest of: the coordinator's clock, a worker's clock, the network and the compute threads.
        let next = pending.indices.min { pending[$0].at < pending[$1].at }
        let nextAt = next.map { pending[$0].at }
        let tick = workers.filter(\.value.isAlive).compactMap { peer, worker in worker.machine.nextWake.map { (at: $0, peer: peer) } }
            .min { ($0.at, $0.peer) < ($1.at, $1.peer) }
        let wake = machine.nextWake
        if let wake, tick.map({ wake <= $0.at }) ?? true, nextAt.map({ wake < $0 }) ?? true {
            now = max(now, wake)
            return coordinator(.tick)
        }
        if let tick, nextAt.map({ tick.at < $0 }) ?? true {
            now = max(now, tick.at)
            return worker(tick.peer, .tick)
        }
        guard let next else { return }
        let (at, action) = pending.remove(at: next)
        now = max(now, at)
        switch action {
        case .toWorker(let peer, let message): worker(peer, .message(link: 0, message))
        case .toCoordinator(let peer, let message): coordinator(.message(peer, message))
        case .computed(let peer, let job, let result): worker(peer, .computed(job: job, result))
        }
    }

    mutating func disturb(_ ticket: UInt64) throws {
        let alive = workers.filter(\.value.isAlive).keys.sorted()
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<9:
            let tiles = try (0..<Int.random(in: 1...5, using: &random)).map { _ in
                try tile(Int.random(in: 0..<2, using: &random), Int.random(in: 0..<3, using: &random), rows: Int.random(in: 1...3, using: &random))
            }
            deadlines[TicketID(ticket)] = now + time(50...6000)
            tileCounts[TicketID(ticket)] = tiles.count
            coordinator(.submit(TicketID(ticket), tiles, deadline: deadlines[TicketID(ticket)] ?? now))
        case 9: if let some = deadlines.keys.sorted(by: { $0.value < $1.value }).randomElement(using: &random) { coordinator(.cancel(some)) }
        case 10, 11:
            // kill -9, and perhaps a new process with the same experts.
            guard let victim = alive.randomElement(using: &random), let experts = workers[victim]?.experts else { break }
            workers[victim]?.isAlive = false
            if chance(80) { try start(experts: experts) }
        case 12:
            let until = now + time(100...8000)
            if let some = alive.randomElement(using: &random) { workers[some]?.cutUntil = until }
        case 13: if let some = alive.randomElement(using: &random) { worker(some, .leave(reason: "test")) }
        case 14: if let some = alive.randomElement(using: &random) { coordinator(.malformed(some, .foreign("noise"))) }
        case 15: coordinator(.malformed(PeerIdentity([1]), .version(theirs: 9)))
        case 16: if chance(30) { now = now + time(1000...6000) }
        case 17:
            if let some = alive.randomElement(using: &random) {
                coordinator(
                    .message(
                        some,
                        .tileFailed(
                            TileFailed(
                                epoch: UInt64.random(in: 0...5, using: &random), tile: UInt64.random(in: 0...20, using: &random), attempt: 1,
                                code: TileFailed.Code.allCases.randomElement(using: &random) ?? .compute, reason: "noise"))))
            }
        default: if alive.count < 6 { try start(experts: [[0, 1], [2], [1, 2], [0]].randomElement(using: &random) ?? [0]) }
        }
    }

    mutating func run() throws {
        for experts in [[0, 1], [1, 2], [0, 2]] { try start(experts: experts) }
        for ticket in 0..<40 {
            for _ in 0..<Int.random(in: 0...12, using: &random) { step() }
            try disturb(UInt64(ticket))
        }
        // Calm: every ticket must still end, at its deadline at the latest.
        calm = true
        let last = max(deadlines.values.max() ?? now, now)
        while now <= last + .seconds(1), !pending.isEmpty || machine.nextWake != nil { step() }
        for (ticket, _) in deadlines where ends[ticket] != 1 { problems.append("ticket \(ticket.value) ended \(ends[ticket] ?? 0) times") }
        if machine.tickets.count + machine.tiles.count + machine.waitingCount != 0 { problems.append("something is left over") }
    }
}

@Suite struct DispatchHistoryTests {
    /// How many; set MEDMOE_HISTORIES for more.
    static let count = ProcessInfo.processInfo.environment["MEDMOE_HISTORIES"].flatMap(UInt64.init) ?? 60

    @Test func inEveryHistoryEachTicketEndsOnceAndNothingStaleIsAccepted() throws {
        var successes = 0
        var tickets = 0
        for seed in 0..<Self.count {
            var history = History(seed: seed)
            try history.run()
            #expect(history.problems.isEmpty, "seed \(seed): \(history.problems.prefix(3))")
            if !history.problems.isEmpty { return }
            successes += history.successes
            tickets += history.deadlines.count
        }
        // The network is bad, not dead: otherwise the checks above would check nothing.
        #expect(successes * 3 > tickets, "\(successes) of \(tickets)")
    }
}
