/// Chooses tokens from logits, reproducibly: the same parameters and logits give the same tokens on every platform.
///
/// The order is that of Hugging Face `transformers`: temperature, then top-k, then top-p. Among equal logits the lower token id counts as the
/// more likely one (so, unlike there, top-k keeps exactly k tokens). One random number is drawn per token, none when greedy.
public struct Sampler: Sendable {
    /// How tokens are chosen.
    public let parameters: SamplingParameters
    private var random: SplitMix64

    /// A sampler at the beginning of its random numbers.
    public init(_ parameters: SamplingParameters) {
        self.parameters = parameters
        random = SplitMix64(seed: parameters.seed)
    }

    /// The next token id, for one row of logits.
    public mutating func next(_ logits: [Float]) throws(SamplingError) -> Int {
        let result = logits.withUnsafeBufferPointer { buffer in Result { () throws(SamplingError) in try next(buffer) } }
        return try result.get()
    }

    /// The next token id, for one row of logits: `[vocabulary]`.
    ///
    /// - Throws: `SamplingError` when a logit is NaN or +∞, or when there is nothing to choose from.
    public mutating func next(_ logits: UnsafeBufferPointer<Float>) throws(SamplingError) -> Int {
        let best = try Self.highest(logits)
        guard parameters.temperature > 0 else { return best }
        let limit = parameters.topK == 0 ? logits.count : min(parameters.topK, logits.count)
        if limit == logits.count, parameters.topP == 1 { return drawFromAll(logits, best) }
        var candidates = CandidateQueue(logits)

        // What top-p's share refers to: the sum over the k most likely tokens, or over all of them.
        var total = 0.0
        var kept: [(token: Int, weight: Double)] = []
        if limit == logits.count {
            for logit in logits { total += weight(logit, logits[best]) }
        } else {
            for _ in 0..<limit { take(from: &candidates, logits, best, into: &kept, sum: &total) }
        }
        guard parameters.topP < 1 else { return draw(from: kept, total: total) }

        // The smallest set of most likely tokens with that share; never empty.
        let enough = parameters.topP * total
        var nucleus: [(token: Int, weight: Double)] = []
        var sum = 0.0
        while nucleus.count < limit, nucleus.isEmpty || sum < enough {
            if limit == logits.count {
                take(from: &candidates, logits, best, into: &nucleus, sum: &sum)
            } else {
                nucleus.append(kept[nucleus.count])
                sum += nucleus[nucleus.count - 1].weight
            }
        }
        return draw(from: nucleus, total: sum)
    }

    /// Moves the most likely candidate that is left into a list and adds its weight to a sum.
    private func take(
        from candidates: inout CandidateQueue, _ logits: UnsafeBufferPointer<Float>, _ best: Int,
        into list: inout [(token: Int, weight: Double)], sum: inout Double
    ) {
        guard let token = candidates.popFirst() else { return }
        let weight = weight(logits[token], logits[best])
        list.append((token, weight))
        sum += weight
    }

    /// e^((logit − highest) / temperature): the softmax without its denominator.
    private func weight(_ logit: Float, _ highest: Float) -> Double {
        PortableExponential.exp((Double(logit) - Double(highest)) / parameters.temperature)
    }

    private mutating func drawFromAll(_ logits: UnsafeBufferPointer<Float>, _ best: Int) -> Int {
        var total = 0.0
        for logit in logits { total += weight(logit, logits[best]) }
        var rest = random.nextUnit() * total
        for (token, logit) in logits.enumerated() {
            let weight = weight(logit, logits[best])
            if rest < weight { return token }
            rest -= weight
        }
        return best
    }

    private mutating func draw(from candidates: [(token: Int, weight: Double)], total: Double) -> Int {
        var rest = random.nextUnit() * total
        for candidate in candidates {
            if rest < candidate.weight { return candidate.token }
            rest -= candidate.weight
        }
        // Only rounding leads here: then the most likely token.
        return candidates.first?.token ?? 0
    }

    /// The lowest index among the highest logits.
    private static func highest(_ logits: UnsafeBufferPointer<Float>) throws(SamplingError) -> Int {
        guard !logits.isEmpty else { throw .noLogits }
        var best = 0
        for (token, logit) in logits.enumerated() {
            guard !logit.isNaN, logit != .infinity else { throw .badLogit(token: token, value: "\(logit)") }
            if logit > logits[best] { best = token }
        }
        guard logits[best] > -.infinity else { throw .noCandidate }
        return best
    }
}
