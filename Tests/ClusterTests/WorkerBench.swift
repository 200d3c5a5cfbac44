import MedMoE
import Tensors
import Testing
import Wire

@testable import Cluster

/// A worker's machine with its clock, and all that it said.
struct WorkerBench {
    var machine: WorkerMachine
    var now = Moment.now
    var directives: [WorkerMachine.Directive] = []

    init(links: Int = 1, metas: [Int] = [], change: (inout WorkerMachine.Configuration) -> Void = { _ in }) throws {
        var hello = Hello(incarnation: .random(), name: "w", try holdings(addresses(layers: 0..<2, experts: [0, 1])))
        hello.metas = try metas.map { .init(layer: $0, digest: try digest(ExpertAddress(layer: $0, expert: 99))) }
        var configuration = WorkerMachine.Configuration(hello: hello, links: links)
        change(&configuration)
        machine = WorkerMachine(configuration)
        handle(.start)
    }

    mutating func handle(_ event: WorkerMachine.Event) { directives += machine.handle(event, now: now) }

    mutating func advance(_ duration: Duration) {
        now = now + duration
        handle(.tick)
    }

    mutating func welcome(_ link: Int = 0, epoch: UInt64 = 5) {
        handle(.message(link: link, .welcome(Welcome(coordinator: .random(), epoch: epoch, beatMilliseconds: 1000))))
    }

    mutating func give(
        _ id: UInt64, link: Int = 0, epoch: UInt64 = 5, layer: Int = 0, expert: Int = 0, width: Int = 4, rows: Int = 1, milliseconds: Int = 1000, meta: [Float]? = nil, metaOnly: Bool = false
    ) throws {
        handle(
            .message(
                link: link,
                .tile(
                    Tile(
                        epoch: epoch, tile: id, attempt: 1, layer: layer, expert: expert, deadlineMilliseconds: milliseconds,
                        factors: Array(repeating: 1, count: rows), metaFactors: meta, metaOnly: metaOnly,
                        payload: try Payload(matrix(rows, width) { Float($0) })))))
    }

    /// The compute thread finishes a job.
    mutating func finish(_ index: Int) throws {
        let job = jobs[index]
        handle(.computed(job: job.id, .rows(try matrix(job.tile.rowCount, 4) { _ in 0 }, nanoseconds: 1)))
    }

    /// What was said to a coordinator since the start.
    func sent(_ link: Int = 0) -> [WorkerMessage] {
        directives.compactMap { if case .send(link, let message) = $0 { message } else { nil } }
    }

    var hasLeft: Bool { directives.contains { if case .left = $0 { true } else { false } } }
    var hellos: Int { directives.filter { if case .send(_, .hello) = $0 { true } else { false } }.count }
    var reopened: Int { directives.filter { if case .reopen = $0 { true } else { false } }.count }
    var jobs: [WorkerMachine.Job] { directives.compactMap { if case .compute(let job) = $0 { job } else { nil } } }
    var failures: [TileFailed] { directives.compactMap { if case .send(_, .tileFailed(let failed)) = $0 { failed } else { nil } } }
    var done: [(link: Int, done: TileDone)] { directives.compactMap { if case .send(let link, .tileDone(let done)) = $0 { (link, done) } else { nil } } }
}
