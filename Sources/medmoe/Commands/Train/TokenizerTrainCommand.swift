import ArgumentParser
import Datasets
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
            their trainer for the same texts, whatever order these come in: each question with its answer, each caption, each line of \
            text, and what the prompts have around a question.

              medmoe tokenizer train --data slake/train.json vqa-rad/train.json --vocabulary 4096 --out tokenizer
            """)

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Conversations in the LLaVA format.", valueName: "file"))
    var data: [String] = []

    @Option(parsing: .upToNextOption, help: ArgumentHelp("Text, of which each line stands for itself.", valueName: "file"))
    var text: [String] = []

    @Option(help: "Tokens to make, at least 257: the end token and 256 bytes are always there.")
    var vocabulary = 4096

    @Option(help: ArgumentHelp("Folder for the files; made where it is missing.", valueName: "dir"))
    var out: String

    @Flag(name: .customLong("skip-bad"), help: "Leave out entries of --data that break the rules, and say how many.")
    var skipsBad = false

    func validate() throws {
        guard !(data + text).isEmpty else { throw ValidationError("Give --data FILE, --text FILE, or both.") }
        do { _ = try BytePairTrainer(vocabularySize: vocabulary) } catch { throw ValidationError("--vocabulary is \(vocabulary): \(error)") }
    }

    func run() throws {
        let start = ContinuousClock.now
        let corpus = try readCorpus()
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

    private func readCorpus() throws -> TokenizerCorpus {
        var corpus = TokenizerCorpus()
        for path in data {
            let file = ConversationFile.read(path, allowsTextOnly: true)
            if let problem = file.problems.first {
                // Without a single good entry there is nothing to go on with.
                guard skipsBad, !file.conversations.isEmpty else { throw TokenizerDataError(problem: problem, others: file.problems.count - 1) }
                Terminal.note("Note: \(path): \(grouped(file.problems.count)) of \(grouped(file.entryCount)) entries left out; the first: \(problem)")
            }
            for conversation in file.conversations { corpus.add(conversation) }
        }
        for file in text { try corpus.addLines(of: file) }
        // What stands around a question matters only where there are questions.
        if !data.isEmpty { try corpus.addTemplate(.stablelm) }
        return corpus
    }
}

/// Data that a tokenizer is not trained on.
struct TokenizerDataError: Error, CustomStringConvertible {
    var problem: DataProblem
    var others: Int

    var description: String {
        let more = others > 0 ? "; \(grouped(others)) more entries are bad" : ""
        return "\(problem)\(more)" + (problem.entry == nil ? "" : "; --skip-bad leaves such entries out")
    }
}
