/// How the next token is chosen. Greedy when `temperature` is 0.
public struct SamplingParameters: Sendable, Hashable {
    /// Logits are divided by this; 0 chooses the highest logit and ignores the rest.
    public let temperature: Double
    /// Keep this many most likely tokens; 0 keeps all.
    public let topK: Int
    /// Of what top-k left, keep the smallest set of most likely tokens whose probabilities sum to at least this; 1 keeps all.
    public let topP: Double
    /// Seed of the random numbers.
    public let seed: UInt64

    /// Greedy decoding.
    public static let greedy = SamplingParameters()

    private init() { (temperature, topK, topP, seed) = (0, 0, 1, 0) }

    /// Checked parameters.
    ///
    /// - Throws: `SamplingError.invalidParameter` unless `temperature` is a finite number ≥ 0, `topK` ≥ 0 and 0 < `topP` ≤ 1.
    public init(temperature: Double, topK: Int = 0, topP: Double = 1, seed: UInt64 = 0) throws(SamplingError) {
        guard temperature.isFinite, temperature >= 0 else {
            throw .invalidParameter(name: "temperature", value: "\(temperature)", allowed: "a finite number of at least 0")
        }
        guard topK >= 0 else { throw .invalidParameter(name: "top-k", value: "\(topK)", allowed: "at least 0 (0 keeps all)") }
        guard topP > 0, topP <= 1 else {
            throw .invalidParameter(name: "top-p", value: "\(topP)", allowed: "above 0 and at most 1 (1 keeps all)")
        }
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.seed = seed
    }
}

/// Why no token can be chosen.
public enum SamplingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A parameter is out of its range.
    case invalidParameter(name: String, value: String, allowed: String)
    /// There are no logits.
    case noLogits
    /// A logit is not a number, or +∞. (−∞ is allowed: such a token is never chosen.)
    case badLogit(token: Int, value: String)
    /// Every logit is −∞.
    case noCandidate

    public var description: String {
        switch self {
        case .invalidParameter(let name, let value, let allowed): "\(name) is \(value); it must be \(allowed)."
        case .noLogits: "There are no logits to choose from."
        case .badLogit(let token, let value):
            "The logit of token \(token) is \(value): the model computed no usable answer. Check the checkpoint with `medmoe inspect`."
        case .noCandidate: "All logits are −∞: no token can be chosen."
        }
    }
}
