import ArgumentParser
import Foundation
import MedMoE

/// `medmoe ask`
struct AskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ask",
        abstract: "Asks about an image and streams the answer.",
        discussion: """
            With --model the model runs in this process, or, with --workers N, on N expert workers that are started for \
            this command and end with it. With --coordinator (or neither) a running coordinator answers.

              medmoe ask --model DIR --image scan.jpg "What modality is used to take this image?"
              medmoe ask --model DIR --workers 2 --show-routing --image scan.jpg "Is there a fracture?"
              medmoe ask --requests questions.jsonl --images DIR --model DIR > answers.jsonl

            FOR RESEARCH ONLY, NOT FOR CLINICAL USE.
            """)

    @OptionGroup(title: "Where the model runs") var source: SourceOptions

    @Option(name: .customLong("image"), help: ArgumentHelp("JPEG or PNG file; may be repeated. Without one, a question of text alone.", valueName: "file"))
    var images: [String] = []

    @Argument(help: ArgumentHelp("The question. <image> in it says where an image goes; by default images come first.", valueName: "question"))
    var question: String?

    @Option(help: ArgumentHelp("Many questions: JSON lines of {\"id\", \"image\", \"question\"}, or a LLaVA conversation JSON. Answers come as JSON lines.", valueName: "file"))
    var requests: String?

    @Option(name: .customLong("images"), help: ArgumentHelp("Folder that the image paths of --requests start from.", valueName: "dir"))
    var imageFolder: String?

    @Option(help: ArgumentHelp("With --requests: questions under way at the same time.", valueName: "n"))
    var concurrency = 8

    @Option(help: ArgumentHelp("With --requests: take only the first questions.", valueName: "n"))
    var limit: Int?

    @Flag(name: .customLong("show-routing"), help: "Print which expert and worker computed how many tokens of which layer.")
    var showRouting = false

    @Flag(help: "Print one JSON object per answer instead of streaming text.")
    var json = false

    @Flag(name: .customLong("token-times"), help: "With --json or --requests: say when each token came, in milliseconds since the question was asked.")
    var tokenTimes = false

    @OptionGroup(title: "Generation") var sampling: SamplingOptions

    func validate() throws {
        guard (question != nil) != (requests != nil) else { throw ValidationError("Give a question, or --requests FILE.") }
        if requests != nil, !images.isEmpty { throw ValidationError("With --requests the file names the images; --images DIR says where they are.") }
        if requests == nil, imageFolder != nil || limit != nil { throw ValidationError("--images and --limit belong to --requests FILE.") }
        if tokenTimes, !json, requests == nil { throw ValidationError("--token-times belongs to --json or --requests FILE.") }
        if let limit, limit < 1 { throw ValidationError("--limit is \(limit); at least 1 is needed") }
        if !(1...1024).contains(concurrency) { throw ValidationError("--concurrency is \(concurrency); expected 1 to 1024") }
    }

    func run() async throws {
        // What the user can mend at once is read before a model is loaded.
        let file = try requests.map { try QuestionFile(path: $0, imageFolder: imageFolder, limit: limit) }
        let attached = try images.map { try ImageFile(path: $0) }
        try await source.withAnswerer { answerer in
            try await TerminationSignal.cancelling {
                if let file {
                    try await ManyQuestions(answerer: answerer, sampling: sampling, concurrency: concurrency, tellsTimes: tokenTimes)
                        .run(file.questions)
                } else if let question {
                    try await naming(attached) { try await one(question, attached, answerer) }
                }
            }
        }
    }

    private func one(_ question: String, _ images: [ImageFile], _ answerer: Answerer) async throws {
        let request = sampling.request(
            id: UUID().uuidString, task: .conversation([.init(.user, question)]), images: images.map(\.bytes))
        var summary: AnswerSummary?
        var shown = 0
        var times = TokenTimes()
        for try await event in answerer.engine.answer(request) {
            switch event {
            case .token(_, let text):
                times.sawToken()
                if !json { try Terminal.output(text) }
                shown += text.utf8.count
            case .done(let done): summary = done
            }
        }
        guard let summary else { throw AnswerError(.unavailable, "the answer ended without its summary") }
        if json {
            var record = AnswerRecord(summary, domains: answerer.domains)
            if tokenTimes { record.add(times) }
            try Terminal.output(record.line + "\n")
        } else {
            // What was held back as the possible start of a stop string.
            try Terminal.output(String(decoding: summary.answer.utf8.dropFirst(shown), as: UTF8.self) + "\n")
            if summary.degraded { Terminal.note(AnswerRecord.degradedNote) }
        }
        if showRouting { Terminal.note(RoutingTable(summary.routing, domains: answerer.domains).text) }
    }
}
