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

    @OptionGroup(title: "Generation") var sampling: SamplingOptions

    func validate() throws {
        guard (question != nil) != (requests != nil) else { throw ValidationError("Give a question, or --requests FILE.") }
        if requests != nil, !images.isEmpty { throw ValidationError("With --requests the file names the images; --images DIR says where they are.") }
        if !(1...1024).contains(concurrency) { throw ValidationError("--concurrency is \(concurrency); expected 1 to 1024") }
    }

    func run() async throws {
        try await source.withAnswerer { answerer in
            if let requests {
                let file = try QuestionFile(path: requests, imageFolder: imageFolder, limit: limit)
                try await ManyQuestions(answerer: answerer, sampling: sampling, concurrency: concurrency).run(file.questions)
            } else if let question {
                try await one(question, answerer)
            }
        }
    }

    private func one(_ question: String, _ answerer: Answerer) async throws {
        let request = sampling.request(
            id: UUID().uuidString, task: .conversation([.init(.user, question)]), images: try images.map(readImageFile))
        var summary: AnswerSummary?
        var shown = 0
        for try await event in answerer.engine.answer(request) {
            switch event {
            case .token(_, let text):
                if !json { Terminal.write(text) }
                shown += text.utf8.count
            case .done(let done): summary = done
            }
        }
        guard let summary else { throw AnswerError(.unavailable, "the answer ended without its summary") }
        if json {
            Terminal.write(try AnswerRecord(summary, domains: answerer.domains).line + "\n")
        } else {
            // What was held back as the possible start of a stop string.
            Terminal.write(String(decoding: summary.answer.utf8.dropFirst(shown), as: UTF8.self) + "\n")
            if summary.degraded { Terminal.note("degraded: an expert was missing, the meta expert answered alone") }
        }
        if showRouting { Terminal.note(RoutingTable(summary.routing, domains: answerer.domains).text) }
    }
}

/// The bytes of an image file.
///
/// - Throws: `AnswerError` that names the file when it cannot be read or is larger than any image that is accepted.
func readImageFile(_ path: String) throws -> [UInt8] {
    let limit = 32 << 20
    guard let handle = FileHandle(forReadingAtPath: path) else {
        throw AnswerError(.invalidImage, "\(path): there is no such file, or it may not be read")
    }
    defer { try? handle.close() }
    let data: Data?
    do {
        data = try handle.read(upToCount: limit + 1)
    } catch {
        throw AnswerError(.invalidImage, "\(path): cannot be read: \(error.localizedDescription)")
    }
    let bytes = [UInt8](data ?? Data())
    guard bytes.count <= limit else { throw AnswerError(.invalidImage, "\(path): is larger than \(limit >> 20) MiB") }
    guard !bytes.isEmpty else { throw AnswerError(.invalidImage, "\(path): is empty") }
    return bytes
}
