/// Why learning stopped.
public enum TrainingError: Error, Sendable, CustomStringConvertible {
    /// A model, recipe or batch that cannot be trained; the text names it and what to do.
    case impossible(String)
    /// A number that is not finite came up.
    case notFinite(what: String, stage: String, step: Int)
    /// A promise between parts of the program was broken.
    case internalState(String)

    public var description: String {
        switch self {
        case .impossible(let text): text
        case .notFinite(let what, let stage, let step):
            "\(what) is not a finite number in step \(step) of \(stage): the last checkpoint is intact; continue from it with a smaller learning rate, or clip gradients harder"
        case .internalState(let text): "this should not happen: \(text)"
        }
    }
}
