/// What a relay does to packets in either direction.
package struct PacketTravel: Sendable, Hashable {
    package var delay: Duration
    /// Each packet takes up to so much longer; the order stays.
    package var jitter: Duration
    /// Part of the packets, 0 to 1, that stays `holdBack` longer, so that others overtake them.
    package var reordering: Double
    package var holdBack: Duration

    package init(delay: Duration = .zero, jitter: Duration = .zero, reordering: Double = 0, holdBack: Duration = .milliseconds(10)) {
        self.delay = delay
        self.jitter = jitter
        self.reordering = reordering
        self.holdBack = holdBack
    }

    var isNoticeable: Bool { delay > .zero || jitter > .zero || reordering > 0 }

    /// How a running relay is told: one line of numbers, times in microseconds, reordering in millionths.
    package var line: String {
        let times = [delay, jitter, holdBack].map { Int($0 / .microseconds(1)) }
        return "travel \(times[0]) \(times[1]) \(Int((reordering * 1_000_000).rounded())) \(times[2])"
    }

    /// Reads such a line; nil when it is none, or its numbers are out of range.
    package init?(line: some StringProtocol) {
        let words = line.split(separator: " ")
        guard words.count == 5, words[0] == "travel" else { return nil }
        let numbers = words.dropFirst().compactMap { Int($0) }
        guard numbers.count == 4, numbers.allSatisfy({ (0...60_000_000).contains($0) }), numbers[2] <= 1_000_000 else { return nil }
        self.init(
            delay: .microseconds(numbers[0]), jitter: .microseconds(numbers[1]), reordering: Double(numbers[2]) / 1_000_000,
            holdBack: .microseconds(numbers[3]))
    }

    /// The same for netem.
    package var netemArguments: [String] {
        func milliseconds(_ time: Duration) -> String { "\(Int(time / .microseconds(1)))us" }
        guard isNoticeable else { return ["delay", "0us"] }
        // netem lets packets overtake only where there is a delay to be skipped.
        let base = reordering > 0 ? max(delay, holdBack) : delay
        var words = ["delay", milliseconds(base + jitter / 2)]
        if jitter > .zero { words.append(milliseconds(jitter / 2)) }
        if reordering > 0 { words += ["reorder", "\(100 * reordering)%"] }
        return words + ["limit", "10000"]
    }
}
