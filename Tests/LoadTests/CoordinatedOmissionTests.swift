import Testing

@testable import Load

/// A server that does one request after the other, 10 ms each, and once stands still for two seconds: in reckoned time.
@Suite struct CoordinatedOmissionTests {
    private func serve(from time: Double) -> Double {
        var start = time
        if start >= 5, start < 7 { start = 7 }
        return start + 0.01
    }

    private func finish(_ meter: inout LoadMeter, _ number: Int, due: Double, sent: Double, end: Double) {
        meter.began(intended: due, sent: sent)
        meter.sawToken(at: end)
        meter.ended(RequestRecord(number: number, intended: due, sent: sent, tokens: [end], ended: end, outcome: .answered(.init(promptTokens: 1))))
    }

    @Test("a stall shows in the percentiles of an open loop, and of a closed one only when corrected")
    func aStallShows() throws {
        let plan = LoadPlan(pattern: .open(rate: 50), extent: LoadExtent(duration: 10), seed: 3)
        var open = LoadMeter(plan)
        var free = 0.0
        for (number, due) in PoissonArrivals(rate: 50, seed: 3).enumerated() {
            guard due < 10 else { break }
            free = serve(from: max(free, due))
            finish(&open, number, due: due, sent: due, end: free)
        }
        let seen = open.report(at: 10).latencies.ttft
        // A fifth of the time it stood still, and then worked off what had gathered.
        #expect(seen.p50 < 100 && seen.p90 > 1000 && seen.p99 > 1800, "\(seen)")

        var closed = LoadMeter(LoadPlan(pattern: .closed(concurrency: 1), extent: LoadExtent(duration: 10)))
        var now = 0.0
        var number = 0
        while now < 10 {
            let end = serve(from: now)
            finish(&closed, number, due: now, sent: now, end: end)
            now = end
            number += 1
        }
        let latencies = closed.report(at: 10).latencies
        #expect(latencies.e2e.p99 < 20 && latencies.e2e.most > 1900, "it hides the stall: that is why there is an open loop")
        let corrected = try #require(latencies.e2eCorrected)
        #expect(corrected.p90 > 500 && corrected.p99 > 1500, "\(corrected)")
    }
}
