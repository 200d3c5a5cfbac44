/// What a message may have at most. A message beyond a limit is refused before it is unpacked.
public enum WireLimits {
    /// Bytes of a protobuf envelope.
    public static let envelope = 64 << 10
    /// Bytes of tensor rows in one message, of any payload that a coordinator sends to a client, and of one payload frame of
    /// the trainer protocol.
    public static let payload = 1 << 20
    /// Bytes of all images of one Ask.
    public static let images = 32 << 20
    /// Images of one Ask.
    public static let imageCount = 64
    /// Bytes that unpacking one envelope may allocate: more than any honest envelope takes, less than floods of empty
    /// repeated fields want.
    static let unpacking = 512 << 10
    /// Payload frames of one message of the trainer protocol.
    public static let trainingFrames = 512
    /// Numbers (float32) of one message of the trainer protocol.
    public static let trainingNumbers = trainingFrames * (payload / 4)
    /// Sums of one answer of a trainer.
    public static let trainingSums = envelope / 8
    /// Rows of one tile.
    public static let rows = 256
    /// Hidden size.
    public static let width = 1 << 18
    /// One more than the highest layer or expert index.
    public static let index = 1 << 12
    /// Bytes of a worker's name.
    public static let name = 128
    /// Bytes of a request id.
    public static let requestID = 128
    /// Bytes of a reason; longer ones are cut when they are sent.
    public static let reason = 2048
    /// Labels of one classification.
    public static let labelCount = 1024
    /// Bytes of all labels of one classification.
    public static let labelBytes = 32 << 10
    /// Expert domains that a status names.
    public static let domainCount = 64
    /// Stop strings of one request.
    public static let stopStrings = 64
    /// Request ids in one client beat.
    public static let beatRequests = 256
}
