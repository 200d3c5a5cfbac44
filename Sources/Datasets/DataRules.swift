/// What a caller demands of data besides the conversation format.
public struct DataRules: Sendable {
    /// Where images lie; nil: images are not looked at.
    public var images: ImageFolder?
    /// The modality labels that are known; nil: any label will do.
    public var modalities: Set<String>?
    /// Whether entries without an image are welcome, as in training on text.
    public var allowsTextOnly: Bool
    /// Whether every entry must say how its answers are scored.
    public var needsAnswerType: Bool
    /// Decodes an image file, or throws what is wrong with it. Called once per distinct image.
    public var decode: (@Sendable (_ bytes: [UInt8], _ name: String) throws -> Void)?
    /// How long a conversation may become.
    public var length: LengthRule?

    /// The context that prompt and answer must fit.
    public struct LengthRule: Sendable {
        /// Rows that the model has for one conversation.
        public var limit: Int
        /// Rows that a conversation takes: tokens of prompt and answers, and patches of its image.
        public var rows: @Sendable (Conversation) throws -> Int

        public init(limit: Int, rows: @escaping @Sendable (Conversation) throws -> Int) {
            self.limit = limit
            self.rows = rows
        }
    }

    public init(
        images: ImageFolder? = nil, modalities: Set<String>? = nil, allowsTextOnly: Bool = false, needsAnswerType: Bool = false,
        decode: (@Sendable (_ bytes: [UInt8], _ name: String) throws -> Void)? = nil, length: LengthRule? = nil
    ) {
        self.images = images
        self.modalities = modalities
        self.allowsTextOnly = allowsTextOnly
        self.needsAnswerType = needsAnswerType
        self.decode = decode
        self.length = length
    }
}
