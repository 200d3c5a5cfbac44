import ArgumentParser
import Foundation
import Language
import Training

/// `medmoe tokenizer train`
struct TokenizerTrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Learns a byte-level byte-pair vocabulary from questions, answers and text.",
        discussion: """
            Writes tokenizer.json and tokenizer_config.json, which this program and Hugging Face's libraries read. The result is that of \
            their trainer for the same texts, whatever order these come in.

              medmoe tokenizer train --text sentences.txt --vocabulary 4096 --out tokenizer
            """)

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Text, of which each line stands for itself.", valueName: "file"))
    var text: [String] = []

    @Option(help: "Tokens to make, at least 257: the end token and 256 bytes are always there.")
    var vocabulary = 4096

    @Option(help: ArgumentHelp("Folder for the files; made where it is missing.", valueName: "dir"))
    var out: String

    func validate() throws {
        guard !text.isEmpty else { throw ValidationError("Give --text FILE.") }
        do { _ = try BytePairTrainer(vocabularySize: vocabulary) } catch { throw ValidationError("--vocabulary is \(vocabulary): \(error)") }
    }

    func run() throws {
        let start = ContinuousClock.now
        var corpus = TokenizerCorpus()
        for file in text { try corpus.addLines(of: file) }
        let trained = try BytePairTrainer(vocabularySize: vocabulary).train(corpus.words)
        try LoadOutput.makeFolder(out)
        try LoadOutput.write(trained.tokenizerJSON, to: "\(out)/tokenizer.json")
        try LoadOutput.write(trained.configurationJSON, to: "\(out)/tokenizer_config.json")
        let words = corpus.words
        Terminal.note(
            "\(out): \(grouped(trained.tokens.count)) tokens from \(grouped(words.texts)) texts, \(grouped(words.bytes)) bytes, "
                + "\(grouped(words.differentPieces)) different words, in \(String(format: "%.1f", start.milliseconds(to: .now) / 1000)) s")
        if trained.tokens.count < vocabulary {
            Terminal.note("Note: fewer tokens than --vocabulary \(vocabulary): every word of the texts is one token already")
        }
    }
}
