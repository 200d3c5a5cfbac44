/// Learns a byte-level byte-pair vocabulary: starting with single bytes, the most frequent pair of neighbours becomes a token, again and
/// again (Sennrich, Haddow and Birch, 2016; on bytes as in GPT-2).
///
/// Gives the vocabulary and the merges of Hugging Face's `BpeTrainer(vocab_size, special_tokens=["<|endoftext|>"],
/// initial_alphabet=ByteLevel.alphabet())`, in the same order and with the same ids: the end token is 0, bytes follow in the order of
/// their characters in GPT-2's alphabet, merged tokens in the order in which they arose.
public struct BytePairTrainer: Sendable {
    /// The end token and the 256 bytes are always there.
    public static let leastVocabulary = 257
    /// The most tokens that the loader takes.
    public static let mostVocabulary = TokenBytes.mostTokens

    /// How many tokens to make.
    public let vocabularySize: Int

    /// - Throws: `TokenizerTrainingError.vocabularySize` for a size below `leastVocabulary` or above `mostVocabulary`.
    public init(vocabularySize: Int) throws(TokenizerTrainingError) {
        guard (Self.leastVocabulary...Self.mostVocabulary).contains(vocabularySize) else { throw .vocabularySize(vocabularySize) }
        self.vocabularySize = vocabularySize
    }

    /// The tokeniser that these words give; it has fewer tokens than asked when the corpus has no pair left to merge.
    ///
    /// Takes about n log n time for n bytes of different words: pairs are counted once, and a merge looks only at the words that have it.
    ///
    /// - Throws: `TokenizerTrainingError.noWords` for a corpus without text, `.tooManyPieces` beyond 2³¹ different words.
    public func train(_ corpus: WordCounts) throws(TokenizerTrainingError) -> TrainedTokenizer {
        guard !corpus.counts.isEmpty else { throw .noWords }
        guard corpus.counts.count < Int(Int32.max) else { throw .tooManyPieces(corpus.counts.count) }
        var tokens: [[UInt8]] = [Array(TrainedTokenizer.endOfText.utf8)]
        // By character, not by byte: the blank is U+0120, behind all that can be printed.
        var byteIDs = [UInt32](repeating: 0, count: 256)
        for (byte, _) in ByteAlphabet.codes.enumerated().sorted(by: { $0.element < $1.element }) {
            byteIDs[byte] = UInt32(tokens.count)
            tokens.append([UInt8(byte)])
        }
        let words = corpus.counts.map { word, count in TrainingWord(tokens: word.map { byteIDs[Int($0)] }, count: count) }
        var statistics = PairStatistics(words)
        var queue = PairQueue()
        statistics.queueArisen(&queue)
        var merges: [TokenPair] = []
        while tokens.count < vocabularySize, var next = queue.popFirst() {
            let count = statistics.count(of: next.pair)
            if next.count != count {
                next.count = count
                queue.push(next)
                continue
            }
            guard count > 0 else { break }
            // Always a new token: the merges so far leave one way to write a string that stands between two ends of tokens, so no
            // other pair gives the same. The end token cannot arise, because no piece has punctuation and letters.
            let id = UInt32(tokens.count)
            tokens.append(tokens[Int(next.pair.left)] + tokens[Int(next.pair.right)])
            merges.append(next.pair)
            statistics.merge(next.pair, into: id, words: next.words)
            statistics.queueArisen(&queue)
        }
        return TrainedTokenizer(tokens: tokens, merges: merges)
    }
}
