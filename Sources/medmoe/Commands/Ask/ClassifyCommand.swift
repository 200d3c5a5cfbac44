import ArgumentParser
import Foundation
import MedMoE

/// `medmoe classify`
struct ClassifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "classify",
        abstract: "Says how likely each of some labels is as the answer to a question about an image.",
        discussion: """
            A label's score is the log-probability of its tokens and of the end of the answer; the probabilities are the \
            softmax of the scores over the labels. Labels are scored as they are written: spell them as the model learned its \
            answers (the bundled model learned lower case).

              medmoe classify --model DIR --image scan.jpg --labels "ct,mri,x-ray" \\
                --question "What modality is used to take this image?"

            FOR RESEARCH ONLY, NOT FOR CLINICAL USE.
            """)

    @OptionGroup(title: "Where the model runs") var source: SourceOptions

    @Option(name: .customLong("image"), help: ArgumentHelp("JPEG or PNG file; may be repeated.", valueName: "file"))
    var images: [String] = []

    @Option(help: ArgumentHelp("Labels, separated by commas.", valueName: "a,b,c"))
    var labels: String

    @Option(help: "The question whose answer the label is.")
    var question = "What is shown in this image?"

    @Flag(name: .customLong("per-token"), help: "Divide a score by the label's number of tokens, so that long labels are not at a disadvantage.")
    var perToken = false

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: ArgumentHelp("Seconds until the request is given up.", valueName: "seconds"))
    var deadline = 120.0

    private var labelList: [String] {
        labels.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
    }

    func validate() throws {
        let list = labelList
        guard list.count >= 2, list.allSatisfy({ !$0.isEmpty }), Set(list).count == list.count else {
            throw ValidationError("--labels needs at least two different, non-empty labels, separated by commas.")
        }
        if !(deadline > 0 && deadline <= 86_400) { throw ValidationError("--deadline is \(deadline); expected more than 0 and at most 86400 seconds") }
    }

    func run() async throws {
        let attached = try images.map { try ImageFile(path: $0) }
        try await source.withAnswerer { answerer in
            try await TerminationSignal.cancelling {
                try await naming(attached) { try await classify(attached, answerer) }
            }
        }
    }

    private func classify(_ images: [ImageFile], _ answerer: Answerer) async throws {
        let request = AnswerRequest(
            id: UUID().uuidString, task: .classify([.init(.user, question)], labels: labelList),
            images: images.map(\.bytes), deadlineMilliseconds: Int(deadline * 1000))
        for try await event in answerer.engine.answer(request) {
            guard case .done(let summary) = event else { continue }
            return try report(summary, domains: answerer.domains)
        }
        throw AnswerError(.unavailable, "the answer ended without its summary")
    }

    private struct Result: Encodable {
        var label: String
        var probability: Double
        var logProbability: Double
        var tokens: Int

        enum CodingKeys: String, CodingKey {
            case label, probability, tokens
            case logProbability = "log_probability"
        }
    }

    private func report(_ summary: AnswerSummary, domains: [String]) throws {
        let scores = summary.labelLogProbabilities.map { perToken ? $0.logProbability / Double(max(1, $0.tokens)) : $0.logProbability }
        let most = scores.max() ?? 0
        let powers = scores.map { exp($0 - most) }
        let sum = powers.reduce(0, +)
        let results = zip(summary.labelLogProbabilities, powers).map {
            Result(label: $0.label, probability: $1 / sum, logProbability: $0.logProbability, tokens: $0.tokens)
        }
        if json {
            struct Report: Encodable {
                var answer: String
                var labels: [Result]
                var record: AnswerRecord
                func encode(to encoder: any Encoder) throws {
                    try record.encode(to: encoder)
                    var container = encoder.container(keyedBy: CodingKeys.self)
                    try container.encode(answer, forKey: .answer)
                    try container.encode(labels, forKey: .labels)
                }
                enum CodingKeys: String, CodingKey { case answer, labels }
            }
            let best = results.max { $0.probability < $1.probability }?.label ?? ""
            try Terminal.output(jsonLine(Report(answer: best, labels: results, record: AnswerRecord(summary, domains: domains))) + "\n")
        } else {
            var table = TextTable(["label", "probability", "log p", "tokens"])
            for result in results.sorted(by: { $0.probability > $1.probability }) {
                table.add([
                    result.label, String(format: "%.4f", result.probability), String(format: "%.4f", result.logProbability), "\(result.tokens)",
                ])
            }
            try Terminal.output(table.text + "\n")
            if summary.degraded { Terminal.note(AnswerRecord.degradedNote) }
        }
    }
}
