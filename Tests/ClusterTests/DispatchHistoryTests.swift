import Foundation
import MedMoE
import Tensors
import Testing
import Wire

@testable import Cluster

/// Coordinators that share workers, under virtual clocks and on a bad network.
///
/// Fake workers answer rows that name the tile, the attempt and the session; so an accepted reply shows whether it was one
/// that was owed.
private struct History {
    struct Coordinator {
        var machine: DispatchMachine
        /// How far its clock is ahead.
        var ahead = Duration.zero
        /// Runs of this coordinator so far.
        var generation = 0
        var welcomed: [PeerIdentity: UInt64] = [:]
    }

    struct Worker {
        var machine: WorkerMachine
        var experts: [Int]
        /// All that it ever held.
        var announced: Set<[Int]>
        var isAlive = true
        var cutUntil: [Moment?]
        /// Links on which something was lost.
        var lostMessages: Set<Int> = []
        var ahead = Duration.zero
    }

    struct Sent: Hashable {
        var tile: UInt64
        var attempt: Int
    }

    /// A ticket of one run of one coordinator.
    struct TicketName: Hashable {
        var coordinator: Int
        var generation: Int
        var id: TicketID
    }

    enum Action {
        case toWorker(PeerIdentity, link: Int, generation: Int, CoordinatorMessage)
        case toCoordinator(Int, generation: Int, PeerIdentity, WorkerMessage)
        case computed(PeerIdentity, UInt64, WorkerMachine.Computed)
        /// What is held when the experts to drop are gone; nil when loading failed.
        case loaded(PeerIdentity, [Int]?)
        case unloaded(PeerIdentity)
    }

    var random: Seeded
    var now = Moment.now
    var coordinators: [Coordinator] = []
    var workers: [PeerIdentity: Worker] = [:]
    var names = 0
    var runs: UInt64 = 0
    var pending: [(at: Moment, action: Action)] = []
    var sent: [Sent: (peer: PeerIdentity, epoch: UInt64)] = [:]
    var epochs: Set<UInt64> = []
    var deadlines: [TicketName: Moment] = [:]
    var rowCounts: [TicketName: [Int]] = [:]
    var ends: [TicketName: Int] = [:]
    var successes = 0
    var hedges: UInt64 = 0
    var failovers: UInt64 = 0
    var crashes = 0
    var reassignments = 0
    var agreements = 0
    var assignments: [AssignmentID: Int] = [:]
    var problems: [String] = []
    var calm = false

    init(seed: UInt64, coordinators count: Int) {
        random = Seeded(state: seed)
        for _ in 0..<count { coordinators.append(Coordinator(machine: newMachine())) }
    }

    /// A run of a coordinator; its sessions and tiles are numbered unlike those of any other.
    mutating func newMachine() -> DispatchMachine {
        runs += 1
        var configuration = DispatchMachine.Configuration(
            coordinator: .random(using: &random), width: 4, required: Set(addresses(layers: 0..<2, experts: [0, 1, 2])),
            firstEpoch: runs * 10_000, firstTile: runs * 10_000)
        configuration.creditBytes = 100
        configuration.mostWaitingTiles = 12
        configuration.overdue = .seconds(2)
        configuration.fewestRowsOfPart = 1
        return DispatchMachine(configuration)
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
    mutating func time(_ range: ClosedRange<Int>) -> Duration { .milliseconds(Int.random(in: range, using: &random)) }

    mutating func start(experts: [Int]) throws {
        let incarnation = Incarnation.random(using: &random)
        names += 1
        let hello = Hello(incarnation: incarnation, name: "w\(names)", try holdings(addresses(layers: 0..<2, experts: experts)))
        var configuration = WorkerMachine.Configuration(hello: hello, links: coordinators.count)
        configuration.mostQueuedTiles = 3
        workers[.worker(incarnation)] = Worker(
            machine: WorkerMachine(configuration), experts: experts, announced: [experts], cutUntil: Array(repeating: nil, count: coordinators.count))
        worker(.worker(incarnation), .start)
    }

    // MARK: - Carrying out

    mutating func coordinator(_ index: Int, _ event: DispatchMachine.Event) {
        let before = coordinators[index].machine.counters
        let directives = coordinators[index].machine.handle(event, now: now + coordinators[index].ahead)
        if coordinators[index].machine.counters.tilesDone > before.tilesDone { judge(event, at: index) }
        for directive in directives {
            switch directive {
            case .send(let peer, let message): send(message, to: peer, from: index)
            case .finish(let ticket, let result): finish(ticket, result, at: index)
            case .assigned(let id, _, _):
                assignments[id, default: 0] += 1
                if assignments[id] != 1 { problems.append("assignment \(id.value) ended \(assignments[id] ?? 0) times") }
            case .note: break
            }
        }
        check(coordinators[index].machine)
    }

    /// A reply was accepted: it must be one that was sent, in the session that lasts, by the one it was sent to.
    mutating func judge(_ event: DispatchMachine.Event, at index: Int) {
        guard case .message(let peer, .tileDone(let done)) = event else {
            problems.append("a result was accepted without a reply")
            return
        }
        guard let owed = sent[Sent(tile: done.tile, attempt: done.attempt)] else {
            problems.append("an accepted reply is for attempt \(done.attempt) of tile \(done.tile), which was never sent")
            return
        }
        if owed.peer != peer || owed.epoch != done.epoch { problems.append("an accepted reply came from another worker or session") }
        if coordinators[index].welcomed[peer] != done.epoch { problems.append("a reply of session \(done.epoch) was accepted, which is over") }
    }

    mutating func send(_ message: CoordinatorMessage, to peer: PeerIdentity, from index: Int) {
        if case .tile(let tile) = message {
            let name = Sent(tile: tile.tile, attempt: tile.attempt)
            if sent[name] != nil { problems.append("attempt \(tile.attempt) of tile \(tile.tile) was sent twice") }
            sent[name] = (peer, tile.epoch)
        }
        if case .welcome(let welcome) = message {
            if !epochs.insert(welcome.epoch).inserted { problems.append("session \(welcome.epoch) was given twice") }
            coordinators[index].welcomed[peer] = welcome.epoch
        }
        guard let worker = workers[peer], worker.isAlive else {
            // What the shell does when sending fails.
            if calm || chance(70) { coordinator(index, .unreachable(peer)) }
            return
        }
        guard worker.cutUntil[index].map({ $0 <= now }) ?? true else { return }
        deliver(.toWorker(peer, link: index, generation: coordinators[index].generation, message))
    }

    mutating func deliver(_ action: Action) {
        pending.append((now + time(0...30), action))
        guard !calm else { return }
        if chance(5) { pending.append((now + time(0...300), action)) }
        if chance(3) { pending[pending.count - 1].at = now + time(500...4000) }
    }

    mutating func worker(_ peer: PeerIdentity, _ event: WorkerMachine.Event) {
        guard var worker = workers[peer], worker.isAlive else { return }
        let directives = worker.machine.handle(event, now: now + worker.ahead)
        workers[peer] = worker
        if worker.machine.queuedTiles > 3 { problems.append("a worker queued \(worker.machine.queuedTiles) tiles") }
        for directive in directives {
            switch directive {
            case .send(let link, let message):
                guard worker.cutUntil[link].map({ $0 <= now }) ?? true else {
                    workers[peer]?.lostMessages.insert(link)
                    continue
                }
                deliver(.toCoordinator(link, generation: coordinators[link].generation, peer, message))
            case .compute(let job): pending.append((now + time(1...200), .computed(peer, job.id, compute(job, peer))))
            case .left: workers[peer]?.isAlive = false
            case .load(let add, let drop):
                let held = Set(workers[peer]?.experts ?? [])
                let next = held.union(add).subtracting(drop)
                let fails = next.isEmpty || (!calm && chance(20))
                pending.append((now + time(1...400), .loaded(peer, fails ? nil : next.sorted())))
            case .unload: pending.append((now + time(1...50), .unloaded(peer)))
            case .reopen, .rejected, .welcomed, .note: break
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

    mutating func finish(_ ticket: TicketID, _ result: Result<[TileResult], DispatchError>, at index: Int) {
        let name = TicketName(coordinator: index, generation: coordinators[index].generation, id: ticket)
        ends[name, default: 0] += 1
        if ends[name] != 1 { problems.append("ticket \(ticket.value) ended \(ends[name] ?? 0) times") }
        guard case .success(let results) = result else { return }
        successes += 1
        if results.map({ $0.rows.shape[0] }) != rowCounts[name] { problems.append("ticket \(ticket.value) has other rows than it asked for") }
        for result in results {
            if result.shares.reduce(0, { $0 + $1.rows }) != result.rows.shape[0] { problems.append("shares do not add up") }
            let values = numbers(result.rows)
            for row in stride(from: 0, to: values.count, by: 4) {
                guard let owed = sent[Sent(tile: UInt64(values[row]), attempt: Int(values[row + 1]))], owed.epoch == UInt64(values[row + 2])
                else {
                    problems.append("a result of something that was never asked: \(values[row..<row + 3])")
                    continue
                }
            }
        }
    }

    mutating func check(_ machine: DispatchMachine) {
        if let earliest = machine.earliestWake, machine.nextWake.map({ $0 > earliest }) ?? true { problems.append("a tick would come too late") }
        for worker in machine.workers.values {
            if worker.owedBytes > max(machine.configuration.creditBytes, 3 * 16) { problems.append("credit: \(worker.owedBytes) bytes") }
            if worker.owedBytes != worker.owed.values.reduce(0, { $0 + $1.bytes }) { problems.append("bytes do not add up") }
            if worker.owedRows != worker.owed.values.reduce(0, { $0 + $1.rows }) { problems.append("rows do not add up") }
            // In one session both sides know the same holdings, and only who takes new tiles is listed.
            let believed = Set(worker.holdings.keys)
            if let other = workers[worker.identity],
                !other.announced.contains(where: { believed.isSubset(of: addresses(layers: 0..<2, experts: $0)) })
            {
                problems.append("\(worker.name) never held \(believed.sorted())")
            }
            for address in worker.holdings.keys where machine.holders.of(address).contains(worker.identity) == worker.isLeaving {
                problems.append("\(worker.name) is listed wrongly for \(address)")
            }
        }
        for address in machine.configuration.required {
            if !machine.holders.of(address).isSubset(of: machine.workers.keys) { problems.append("a holder of \(address) is gone") }
        }
        // Every open tile is with one or two workers that owe it, or waits.
        for (id, state) in machine.tiles {
            for (peer, attempt) in state.carriers where machine.workers[peer]?.owed[id]?.attempt != attempt {
                problems.append("nobody owes tile \(id)")
            }
            if state.carriers.count > 2 { problems.append("\(state.carriers.count) workers have tile \(id)") }
            let queued = machine.waiting[state.tile.address]?.count { $0 == id } ?? 0
            if queued != (state.carriers.isEmpty ? 1 : 0) { problems.append("tile \(id) waits \(queued) times, and \(state.carriers.count) have it") }
        }
        let queued = machine.waiting.values.reduce(0) { $0 + $1.count }
        if queued != machine.waitingCount { problems.append("\(queued) tiles wait, \(machine.waitingCount) are counted") }
        // Tiles that come back from lost workers may wait too, beyond the limit for new ones: never more than exist.
        if queued > machine.tiles.count { problems.append("\(queued) tiles wait of \(machine.tiles.count)") }
    }

    // MARK: - Running

    mutating func step() {
        // The earliest of: the coordinators' clocks, the workers' clocks, the network and the compute threads.
        let next = pending.indices.min { pending[$0].at < pending[$1].at }
        let nextAt = next.map { pending[$0].at }
        let tick = workers.filter(\.value.isAlive)
            .compactMap { peer, worker in worker.machine.nextWake.map { (at: $0 - worker.ahead, peer: peer) } }
            .min { ($0.at, $0.peer) < ($1.at, $1.peer) }
        let wake = coordinators.indices.compactMap { index in
            coordinators[index].machine.nextWake.map { (at: $0 - coordinators[index].ahead, index: index) }
        }.min { ($0.at, $0.index) < ($1.at, $1.index) }
        if let wake, tick.map({ wake.at <= $0.at }) ?? true, nextAt.map({ wake.at < $0 }) ?? true {
            now = max(now, wake.at)
            return coordinator(wake.index, .tick)
        }
        if let tick, nextAt.map({ tick.at < $0 }) ?? true {
            now = max(now, tick.at)
            return worker(tick.peer, .tick)
        }
        guard let next else { return }
        let (at, action) = pending.remove(at: next)
        now = max(now, at)
        switch action {
        case .toWorker(let peer, let link, _, let message): worker(peer, .message(link: link, message))
        case .toCoordinator(let index, let generation, let peer, let message):
            // What was sent to a coordinator that died meanwhile may still reach its successor at that address.
            if generation == coordinators[index].generation || chance(50) { coordinator(index, .message(peer, message)) }
        case .computed(let peer, let job, let result): worker(peer, .computed(job: job, result))
        case .loaded(let peer, let experts): load(experts, peer)
        case .unloaded(let peer): worker(peer, .unloaded)
        }
    }

    mutating func load(_ experts: [Int]?, _ peer: PeerIdentity) {
        guard let experts, workers[peer]?.isAlive == true, let now = try? holdings(addresses(layers: 0..<2, experts: experts)) else {
            return worker(peer, .loaded(.failure(AssignmentError("the disk is broken"))))
        }
        workers[peer]?.experts = experts
        workers[peer]?.announced.insert(experts)
        reassignments += 1
        worker(peer, .loaded(.success(now)))
    }

    mutating func submit(_ ticket: UInt64) throws {
        let index = Int.random(in: coordinators.indices, using: &random)
        let name = TicketName(coordinator: index, generation: coordinators[index].generation, id: TicketID(ticket))
        let tiles = try (0..<Int.random(in: 1...5, using: &random)).map { _ in
            try tile(Int.random(in: 0..<2, using: &random), Int.random(in: 0..<3, using: &random), rows: Int.random(in: 1...3, using: &random))
        }
        let deadline = now + time(50...6000) + coordinators[index].ahead
        deadlines[name] = deadline
        rowCounts[name] = tiles.map(\.rowCount)
        coordinator(index, .submit(name.id, tiles, deadline: deadline, whenUncovered: chance(30) ? .report : .wait))
    }

    /// kill -9 of a coordinator, and a new one at its address.
    mutating func crash(_ index: Int) {
        crashes += 1
        let generation = coordinators[index].generation
        for name in deadlines.keys where name.coordinator == index && name.generation == generation && ends[name] == nil {
            deadlines[name] = nil
        }
        count(coordinators[index].machine)
        coordinators[index] = Coordinator(machine: newMachine(), generation: generation + 1)
    }

    mutating func count(_ machine: DispatchMachine) {
        hedges += machine.counters.hedges
        failovers += machine.counters.failovers
    }

    mutating func disturb(_ ticket: UInt64) throws {
        let alive = workers.filter(\.value.isAlive).keys.sorted()
        let index = Int.random(in: coordinators.indices, using: &random)
        switch Int.random(in: 0..<25, using: &random) {
        case 0..<10: try submit(ticket)
        case 10:
            let open = deadlines.keys.filter { $0.coordinator == index && $0.generation == coordinators[index].generation }
            if let some = open.map(\.id).sorted(by: { $0.value < $1.value }).randomElement(using: &random) { coordinator(index, .cancel(some)) }
        case 11, 12:
            // kill -9, and perhaps a new process with the same experts.
            guard let victim = alive.randomElement(using: &random), let experts = workers[victim]?.experts else { break }
            workers[victim]?.isAlive = false
            if chance(80) { try start(experts: experts) }
        case 13:
            let until = now + time(100...8000)
            if let some = alive.randomElement(using: &random) { workers[some]?.cutUntil[index] = until }
        case 14: if let some = alive.randomElement(using: &random) { worker(some, .leave(reason: "test")) }
        case 15: if let some = alive.randomElement(using: &random) { coordinator(index, .malformed(some, .foreign("noise"))) }
        case 16: coordinator(index, .malformed(PeerIdentity([1]), .version(theirs: 9)))
        case 17: if chance(30) { now = now + time(1000...6000) }
        case 18: if chance(40) { coordinators[index].ahead += time(500...20000) }
        case 19:
            let jump = time(500...20000)
            if chance(40), let some = alive.randomElement(using: &random) { workers[some]?.ahead += jump }
        case 20: if chance(25) { crash(index) }
        case 21:
            if let some = alive.randomElement(using: &random) {
                let epoch = UInt64.random(in: 0...runs * 10_000 + 5, using: &random)
                coordinator(
                    index,
                    .message(
                        some,
                        .tileFailed(
                            TileFailed(
                                epoch: epoch, tile: UInt64.random(in: 0...runs * 10_000 + 20, using: &random), attempt: 1,
                                code: TileFailed.Code.allCases.randomElement(using: &random) ?? .compute, reason: "noise"))))
            }
        case 22:
            guard let some = alive.randomElement(using: &random), let name = coordinators[index].machine.workers[some]?.name else { break }
            let add = Int.random(in: 0..<3, using: &random)
            coordinator(index, .assign(AssignmentID(ticket), worker: name, add: [add], drop: chance(50) ? [(add + 1) % 3] : []))
        default: if alive.count < 6 { try start(experts: [[0, 1], [2], [1, 2], [0]].randomElement(using: &random) ?? [0]) }
        }
    }

    mutating func run() throws {
        for experts in [[0, 1], [1, 2], [0, 2]] { try start(experts: experts) }
        for ticket in 0..<40 {
            for _ in 0..<Int.random(in: 0...16, using: &random) { step() }
            try disturb(UInt64(ticket))
            if !problems.isEmpty { return }
        }
        // Calm: every ticket must still end, at its deadline at the latest.
        calm = true
        let last = max(deadlines.values.max() ?? now, now)
        while now <= last + .seconds(1), !pending.isEmpty || coordinators.contains(where: { $0.machine.nextWake != nil }) { step() }
        for (name, _) in deadlines where ends[name] != 1 { problems.append("ticket \(name.id.value) ended \(ends[name] ?? 0) times") }
        for coordinator in coordinators {
            if coordinator.machine.tickets.count + coordinator.machine.tiles.count + coordinator.machine.waitingCount != 0 {
                problems.append("something is left over")
            }
            count(coordinator.machine)
        }
        agree()
    }

    /// When all is said, both sides of a session agree on what is held.
    mutating func agree() {
        for (index, coordinator) in coordinators.enumerated() {
            for session in coordinator.machine.workers.values {
                guard let worker = workers[session.identity], worker.isAlive, !worker.lostMessages.contains(index),
                    worker.machine.links[index].phase == .serving(epoch: session.epoch), worker.machine.reassignment == nil
                else { continue }
                agreements += 1
                if Set(session.holdings.keys) != Set(addresses(layers: 0..<2, experts: worker.experts)) {
                    problems.append("\(session.name) holds \(worker.experts), coordinator \(index) believes \(session.holdings.keys.sorted())")
                }
            }
        }
    }
}

@Suite struct DispatchHistoryTests {
    /// How many; set MEDMOE_HISTORIES for more.
    static let count = ProcessInfo.processInfo.environment["MEDMOE_HISTORIES"].flatMap(UInt64.init) ?? 200

    @Test(arguments: 0..<4)
    func inEveryHistoryEachTicketEndsOnceAndNothingStaleIsAccepted(part: UInt64) throws {
        var successes = 0
        var tickets = 0
        var hedges: UInt64 = 0
        var failovers: UInt64 = 0
        var (reassignments, agreements, crashes) = (0, 0, 0)
        for seed in stride(from: part, to: Self.count, by: 4) {
            var history = History(seed: seed, coordinators: Int(seed / 4 % 3) + 1)
            try history.run()
            #expect(history.problems.isEmpty, "seed \(seed): \(history.problems.prefix(3))")
            if !history.problems.isEmpty { return }
            successes += history.successes
            tickets += history.deadlines.count
            hedges += history.hedges
            failovers += history.failovers
            reassignments += history.reassignments
            agreements += history.agreements
            crashes += history.crashes
        }
        // The network is bad, not dead: otherwise the checks above would check nothing.
        #expect(successes * 3 > tickets, "\(successes) of \(tickets)")
        #expect(hedges > 0 && failovers > 0, "\(hedges) hedges, \(failovers) failovers")
        #expect(reassignments > 0 && agreements > 0 && crashes > 0, "\(reassignments) reassignments, \(agreements) sessions compared")
    }
}
