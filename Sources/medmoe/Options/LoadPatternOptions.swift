import ArgumentParser
import Load

/// When a load asks, and for how long.
struct LoadPatternOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Open loop: requests (tickets) per second, at random times; latencies count from the intended time.", valueName: "per second"))
    var rate: Double?

    @Option(help: ArgumentHelp("Closed loop: so many at the same time, each followed by the next. Default without --rate: 8.", valueName: "n"))
    var concurrency: Int?

    @Option(name: .customLong("warm-up"), help: ArgumentHelp("Seconds at the start that do not count.", valueName: "seconds"))
    var warmUp = 2.0

    @Option(help: ArgumentHelp("Seconds that count. Default without --requests: 30.", valueName: "seconds"))
    var duration: Double?

    @Option(help: ArgumentHelp("Requests (tickets) that count.", valueName: "n"))
    var requests: Int?

    @Option(help: "Seed of arrivals and of what is asked: the same seed asks the same.")
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("Seconds until a request (ticket) is given up.", valueName: "seconds"))
    var deadline = 60.0

    func validate() throws {
        if rate != nil, concurrency != nil { throw ValidationError("Give either --rate (open loop) or --concurrency (closed loop).") }
        if let rate, !(rate >= 0.001 && rate <= 100_000) { throw ValidationError("--rate is \(rate); expected 0.001 to 100000 per second") }
        if let concurrency, !(1...4096).contains(concurrency) { throw ValidationError("--concurrency is \(concurrency); expected 1 to 4096") }
        if !(warmUp >= 0 && warmUp <= 86_400) { throw ValidationError("--warm-up is \(warmUp); expected 0 to 86400 seconds") }
        if let duration, !(duration >= 0.1 && duration <= 604_800) { throw ValidationError("--duration is \(duration); expected 0.1 to 604800 seconds") }
        if let requests, !(1...10_000_000).contains(requests) { throw ValidationError("--requests is \(requests); expected 1 to 10000000") }
        if !(deadline > 0 && deadline <= 86_400) { throw ValidationError("--deadline is \(deadline); expected more than 0 and at most 86400 seconds") }
    }

    func plan(limits: GoodputLimits = GoodputLimits()) -> LoadPlan {
        LoadPlan(
            pattern: rate.map { .open(rate: $0) } ?? .closed(concurrency: concurrency ?? 8),
            extent: LoadExtent(warmUp: warmUp, duration: duration ?? (requests == nil ? 30 : nil), requests: requests), seed: seed,
            limits: limits)
    }
}
