/// One question, as it comes from the command line or from a client.
public struct AnswerRequest: Sendable {
    /// Chosen by the asker, unique among its running requests; the same id again joins the running one.
    public var id: String
    /// What to compute.
    public var task: Task
    /// Encoded image files (JPEG or PNG), in the order of the `<image>` places.
    public var images: [[UInt8]]
    /// How the next token is chosen.
    public var sampling: Sampling
    /// The most tokens to generate.
    public var maximumTokens: Int
    /// Texts that end the answer when they appear; they are not part of it.
    public var stopStrings: [String]
    /// Time allowed from acceptance, in milliseconds.
    public var deadlineMilliseconds: Int

    public init(
        id: String, task: Task, images: [[UInt8]] = [], sampling: Sampling = Sampling(), maximumTokens: Int = 128,
        stopStrings: [String] = [], deadlineMilliseconds: Int = 120_000
    ) {
        self.id = id
        self.task = task
        self.images = images
        self.sampling = sampling
        self.maximumTokens = maximumTokens
        self.stopStrings = stopStrings
        self.deadlineMilliseconds = deadlineMilliseconds
    }

    public enum Task: Sendable, Hashable {
        /// Turns of a conversation, the last one the user's; the model's template makes the prompt.
        case conversation([Turn])
        /// The whole prompt, taken as it is; `<image>` marks the images.
        case prompt(String)
        /// Log-probability of each label as the answer to the conversation.
        case classify([Turn], labels: [String])
    }

    /// One thing that somebody said.
    public struct Turn: Sendable, Hashable {
        public enum Role: String, Sendable, Hashable { case user, assistant }
        public var role: Role
        public var text: String

        public init(_ role: Role, _ text: String) {
            self.role = role
            self.text = text
        }
    }

    /// Greedy when `temperature` is 0.
    public struct Sampling: Sendable, Hashable {
        public var temperature: Double
        /// Keep the smallest set of tokens whose probabilities sum to at least this; 1 keeps all.
        public var topP: Double
        /// Keep this many most likely tokens; 0 keeps all.
        public var topK: Int
        public var seed: UInt64

        public init(temperature: Double = 0, topP: Double = 1, topK: Int = 0, seed: UInt64 = 0) {
            self.temperature = temperature
            self.topP = topP
            self.topK = topK
            self.seed = seed
        }
    }
}

/// What a running request tells its asker.
public enum AnswerEvent: Sendable {
    /// A token was chosen. `text` is the text that became certain with it, perhaps empty: never half a character.
    case token(id: Int, text: String)
    /// The end. Nothing follows.
    case done(AnswerSummary)
}

/// Everything known about a finished answer.
public struct AnswerSummary: Sendable, Codable, Hashable {
    public var answer: String
    /// The generated tokens, without the end token.
    public var tokenIDs: [Int]
    /// Rows of the prompt: text tokens and image patches.
    public var promptTokens: Int
    /// Why generation ended: `end` token, `stop` string, `length`, or `classified`.
    public var finish: Finish
    /// Hexadecimal SHA-256 that names the weights, whatever container they came in.
    public var modelDigest: String
    /// What the workers say they computed.
    public var routing: [RoutingEntry]
    public var timings: Timings
    /// Whether an expert was missing and the answer was made without it.
    public var degraded: Bool
    /// For `classify`: one per label, in the order of the request.
    public var labelLogProbabilities: [LabelScore]

    public init(
        answer: String, tokenIDs: [Int], promptTokens: Int, finish: Finish, modelDigest: String,
        routing: [RoutingEntry], timings: Timings, degraded: Bool = false, labelLogProbabilities: [LabelScore] = []
    ) {
        self.answer = answer
        self.tokenIDs = tokenIDs
        self.promptTokens = promptTokens
        self.finish = finish
        self.modelDigest = modelDigest
        self.routing = routing
        self.timings = timings
        self.degraded = degraded
        self.labelLogProbabilities = labelLogProbabilities
    }

    public enum Finish: String, Sendable, Codable, Hashable { case end, stop, length, classified }

    /// Rows of this request that one worker computed for one expert of one layer.
    public struct RoutingEntry: Sendable, Codable, Hashable {
        public var layer: Int
        public var expert: Int
        public var worker: String
        public var tokens: Int

        public init(layer: Int, expert: Int, worker: String, tokens: Int) {
            self.layer = layer
            self.expert = expert
            self.worker = worker
            self.tokens = tokens
        }
    }

    /// Wall time, in milliseconds.
    public struct Timings: Sendable, Codable, Hashable {
        /// Waiting before the first compute.
        public var queue: Double
        /// Decoding, preprocessing and encoding the images.
        public var image: Double
        /// From the start of the prefill to the first token.
        public var prefill: Double
        /// From the first token to the end.
        public var decode: Double

        public init(queue: Double = 0, image: Double = 0, prefill: Double = 0, decode: Double = 0) {
            self.queue = queue
            self.image = image
            self.prefill = prefill
            self.decode = decode
        }
    }

    public struct LabelScore: Sendable, Codable, Hashable {
        public var label: String
        /// Sum of log p over the tokens of the label and the end token.
        public var logProbability: Double
        /// How many tokens that sum has.
        public var tokens: Int

        public init(label: String, logProbability: Double, tokens: Int) {
            self.label = label
            self.logProbability = logProbability
            self.tokens = tokens
        }
    }
}

/// Somebody who answers requests: a model in this process, or a coordinator far away.
public protocol AnswerEngine: Sendable {
    /// Starts a request. Ending the iteration early cancels it and frees what it holds.
    ///
    /// The stream throws `AnswerError` (or a `DispatchError`) when the request is refused or fails.
    func answer(_ request: AnswerRequest) -> AsyncThrowingStream<AnswerEvent, any Error>
}

/// Why a request was not answered.
public struct AnswerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A kind that programs can act on; the raw values are part of the client protocol.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The request itself is wrong: no question, `<image>` without an image, a parameter out of range.
        case invalidRequest = "invalid_request"
        /// An image cannot be decoded or is too large.
        case invalidImage = "invalid_image"
        /// Prompt and answer do not fit the model's context.
        case contextLength = "context_length"
        /// No worker holds an expert that the request needs.
        case expertsLost = "experts_lost"
        /// The deadline passed.
        case deadline = "deadline"
        /// Too much is waiting already.
        case overloaded = "overloaded"
        /// The asker gave up.
        case cancelled = "cancelled"
        /// The other side speaks another protocol or sent something malformed.
        case protocolViolation = "protocol"
        /// The coordinator cannot be reached or is shutting down.
        case unavailable = "unavailable"
        /// The link is refused: a key is not authorised, or is another than expected, or only one side encrypts.
        case unauthorized = "unauthorized"
        /// Something broke on our side.
        case `internal` = "internal"
    }

    public let code: Code
    public let reason: String
    /// Asking again may help after this time; nil: no such advice.
    public let retryAfter: Duration?

    public init(_ code: Code, _ reason: String, retryAfter: Duration? = nil) {
        self.code = code
        self.reason = reason
        self.retryAfter = retryAfter
    }

    public var description: String { reason }
}
