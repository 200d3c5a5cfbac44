/// Why learning stopped.
public enum TrainingError: Error, Sendable, CustomStringConvertible {
    /// A model, recipe or batch that cannot be trained; the text names it and what to do.
    case impossible(String)
    /// A number that is not finite came up. `checkpoint` is the folder of the last one from which learning went on well; nil when there is none.
    case notFinite(what: String, stage: String, step: Int, checkpoint: String?)
    /// A checkpoint or the finished model cannot be written, as when the disk is full. `checkpoint` is the last one before; nil when there is none.
    case notSaved(reason: String, checkpoint: String?)
    /// Experts cannot go on learning on trainers. `checkpoint` is the last one; nil when there is none.
    case trainers(reason: String, checkpoint: String?)
    /// A promise between parts of the program was broken.
    case internalState(String)

    public var description: String {
        switch self {
        case .impossible(let text): text
        case .notFinite(let what, let stage, let step, let checkpoint?):
            "\(what) is not a finite number in step \(step) of \(stage): the checkpoint \(checkpoint) is intact; learn from it as --model of another --out, with a smaller learning rate or harder clipping"
        case .notFinite(let what, let stage, let step, nil):
            "\(what) is not a finite number in step \(step) of \(stage), and there is no good checkpoint yet: begin again with a smaller learning rate, or clip gradients harder"
        case .notSaved(let reason, let checkpoint?):
            "\(reason); the checkpoint \(checkpoint) is intact: make room, then the same command goes on from it"
        case .notSaved(let reason, nil): "\(reason); there is no checkpoint yet: make room, then begin again"
        case .trainers(let reason, let checkpoint?):
            "\(reason); the checkpoint \(checkpoint) is intact: with trainers that stay, the same command goes on from it"
        case .trainers(let reason, nil): "\(reason); there is no checkpoint yet: with trainers that stay, begin again"
        case .internalState(let text): "this should not happen: \(text)"
        }
    }
}
