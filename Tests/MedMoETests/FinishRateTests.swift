import Testing

@testable import MedMoE

@Suite struct FinishRateTests {
    private let start = ContinuousClock.now

    private func rate(every pause: Duration, count: Int) -> FinishRate {
        var rate = FinishRate()
        for index in 0..<count { rate.record(start.advanced(by: pause * index)) }
        return rate
    }

    @Test func theAdviceIsTheTimeToWorkOffTheQueue() {
        // Ten finishes in 900 ms, asked 100 ms later: one per 100 ms.
        let rate = rate(every: .milliseconds(100), count: 10)
        #expect(rate.retryAfter(waiting: 20, now: start.advanced(by: .seconds(1))) == .seconds(2))
        #expect(rate.retryAfter(waiting: 40, now: start.advanced(by: .seconds(1))) == .seconds(4))
    }

    @Test func theAdviceStaysWithinItsBounds() {
        let fast = rate(every: .microseconds(1), count: 40)
        #expect(fast.retryAfter(waiting: 1, now: start.advanced(by: .milliseconds(1))) == FinishRate.shortest)
        let slow = rate(every: .seconds(60), count: 3)
        #expect(slow.retryAfter(waiting: 256, now: start.advanced(by: .seconds(200))) == FinishRate.longest)
        #expect(FinishRate().retryAfter(waiting: 5, now: start) == FinishRate.unknown)
        #expect(rate(every: .zero, count: 1).retryAfter(waiting: 5, now: start) == FinishRate.unknown)
    }

    @Test func whenNothingFinishesAnyMoreTheAdviceGrows() {
        let rate = rate(every: .milliseconds(100), count: 10)
        let soon = rate.retryAfter(waiting: 8, now: start.advanced(by: .seconds(1)))
        #expect(rate.retryAfter(waiting: 8, now: start.advanced(by: .seconds(10))) > soon)
    }

    @Test func onlyRecentFinishesCount() {
        var rate = rate(every: .seconds(10), count: FinishRate.window)
        let later = start.advanced(by: .seconds(10 * FinishRate.window))
        for index in 0..<FinishRate.window { rate.record(later.advanced(by: .milliseconds(10) * index)) }
        let now = later.advanced(by: .milliseconds(10 * FinishRate.window))
        #expect(rate.retryAfter(waiting: 100, now: now) == .seconds(1))
    }
}
