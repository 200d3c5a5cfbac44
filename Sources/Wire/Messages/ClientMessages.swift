/// What an asker tells a coordinator.
public enum ClientMessage {
    case ask(Ask)
    case cancel(request: String)
    /// I am here, and wait for these requests.
    case beat(requests: [String])
    case status(inquiry: UInt64)
    case assign(AssignExperts)
}

/// What a coordinator tells an asker.
public enum CoordinatorReply {
    case tokens(Tokens)
    case done(Done)
    case refused(Refusal)
    case beat
    case probe
    case status(StatusReply)
    case assigned(AssignReply)
}

/// A question with its images.
public struct Ask {
    public enum Task: Sendable, Hashable {
        case conversation([Turn])
        case prompt(String)
        case classify([Turn], labels: [String])
    }

    public struct Turn: Sendable, Hashable {
        public enum Role: Sendable, Hashable { case user, assistant }
        public var role: Role
        public var text: String

        public init(role: Role, text: String) {
            self.role = role
            self.text = text
        }
    }

    /// Everything but the images.
    public struct Question: Sendable, Hashable {
        public var request: String
        public var task: Task
        public var temperature: Double
        public var topP: Double
        public var topK: Int
        public var seed: UInt64
        public var maximumTokens: Int
        public var stopStrings: [String]
        /// Time allowed from acceptance.
        public var deadlineMilliseconds: Int

        public init(
            request: String, task: Task, temperature: Double, topP: Double, topK: Int, seed: UInt64, maximumTokens: Int,
            stopStrings: [String], deadlineMilliseconds: Int
        ) {
            self.request = request
            self.task = task
            self.temperature = temperature
            self.topP = topP
            self.topK = topK
            self.seed = seed
            self.maximumTokens = maximumTokens
            self.stopStrings = stopStrings
            self.deadlineMilliseconds = deadlineMilliseconds
        }
    }

    public var question: Question
    public var images: ImageFiles

    public init(question: Question, images: ImageFiles) {
        self.question = question
        self.images = images
    }
}

/// Bytes of image files: ours, or in received frames that nobody has copied yet.
public struct ImageFiles {
    private enum Source {
        case files([[UInt8]])
        case frames(ArraySlice<Frame>)
    }

    private let source: Source

    public init(_ files: [[UInt8]]) { source = .files(files) }
    init(frames: ArraySlice<Frame>) { source = .frames(frames) }

    /// Bytes of all files.
    public var byteCount: Int {
        switch source {
        case .files(let files): files.reduce(0) { $0 + $1.count }
        case .frames(let frames): frames.reduce(0) { $0 + $1.count }
        }
    }

    /// Number of files.
    public var count: Int {
        switch source {
        case .files(let files): files.count
        case .frames(let frames): frames.count
        }
    }

    /// The files, copied out of the frames if need be.
    public func read() -> [[UInt8]] {
        switch source {
        case .files(let files): files
        case .frames(let frames): frames.map(\.bytes)
        }
    }

    func makeFrames() throws(WireError) -> [Frame] {
        switch source {
        case .frames(let frames): return Array(frames)
        case .files(let files):
            var frames: [Frame] = []
            for file in files { frames.append(try Frame(file)) }
            return frames
        }
    }
}

/// Tokens in their order.
public struct Tokens: Sendable, Hashable {
    public struct Token: Sendable, Hashable {
        public var id: Int
        public var text: String

        public init(id: Int, text: String) {
            self.id = id
            self.text = text
        }
    }

    public var request: String
    /// Index of the first one in the answer.
    public var first: Int
    public var tokens: [Token]

    public init(request: String, first: Int, tokens: [Token]) {
        self.request = request
        self.first = first
        self.tokens = tokens
    }
}

/// The end of a request, with everything that is known about the answer.
public struct Done: Sendable, Hashable {
    public enum Finish: UInt32, Sendable, Hashable, CaseIterable {
        case end = 1
        case stop = 2
        case length = 3
        case classified = 4
    }

    public struct Routing: Sendable, Hashable {
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

    public struct Label: Sendable, Hashable {
        public var label: String
        public var logProbability: Double
        public var tokens: Int

        public init(label: String, logProbability: Double, tokens: Int) {
            self.label = label
            self.logProbability = logProbability
            self.tokens = tokens
        }
    }

    /// Milliseconds.
    public struct Timings: Sendable, Hashable {
        public var queue, image, prefill, decode: Double

        public init(queue: Double, image: Double, prefill: Double, decode: Double) {
            self.queue = queue
            self.image = image
            self.prefill = prefill
            self.decode = decode
        }
    }

    public var request: String
    public var answer: String
    public var tokenIDs: [Int]
    public var promptTokens: Int
    public var finish: Finish
    public var modelDigest: String
    public var routing: [Routing]
    public var timings: Timings
    public var degraded: Bool
    public var labels: [Label]

    public init(
        request: String, answer: String, tokenIDs: [Int], promptTokens: Int, finish: Finish, modelDigest: String,
        routing: [Routing], timings: Timings, degraded: Bool, labels: [Label]
    ) {
        self.request = request
        self.answer = answer
        self.tokenIDs = tokenIDs
        self.promptTokens = promptTokens
        self.finish = finish
        self.modelDigest = modelDigest
        self.routing = routing
        self.timings = timings
        self.degraded = degraded
        self.labels = labels
    }
}

/// A request ends without an answer.
public struct Refusal: Sendable, Hashable {
    /// Empty when it concerns all requests of the client.
    public var request: String
    /// A stable name that programs can act on.
    public var code: String
    public var reason: String
    /// Asking again may help after this time; nil: no such advice.
    public var retryAfterMilliseconds: Int?

    public init(request: String, code: String, reason: String, retryAfterMilliseconds: Int? = nil) {
        self.request = request
        self.code = code
        self.reason = reason
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }
}
