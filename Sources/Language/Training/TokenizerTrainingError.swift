/// Why a tokeniser cannot be trained.
public enum TokenizerTrainingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Fewer tokens than there are bytes, or more than the loader takes.
    case vocabularySize(Int)
    /// The corpus has no text.
    case noWords
    /// The corpus has more different words than can be numbered.
    case tooManyPieces(Int)

    public var description: String {
        switch self {
        case .vocabularySize(let size):
            "a vocabulary of \(size) tokens cannot be trained: it has the end token and 256 bytes, so at least "
                + "\(BytePairTrainer.leastVocabulary), and at most \(BytePairTrainer.mostVocabulary)"
        case .noWords: "the corpus has no text to learn a vocabulary from; give files with questions and answers, or with lines of text"
        case .tooManyPieces(let count): "the corpus has \(count) different words, at most \(Int32.max) can be learned from; give less text"
        }
    }
}
