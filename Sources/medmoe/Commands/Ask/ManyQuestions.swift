import ArgumentParser
import Foundation
import MedMoE

/// Asks many questions, some at the same time, and prints the answers as JSON lines in the order of the questions.
struct ManyQuestions {
    let answerer: Answerer
    let sampling: SamplingOptions
    let concurrency: Int
    /// Whether each line says when its tokens came.
    let tellsTimes: Bool
    private let run = UUID().uuidString

    init(answerer: Answerer, sampling: SamplingOptions, concurrency: Int, tellsTimes: Bool) {
        self.answerer = answerer
        self.sampling = sampling
        self.concurrency = concurrency
        self.tellsTimes = tellsTimes
    }

    /// - Throws: `ExitCode.failure` after all were tried, when some had no answer.
    func run(_ questions: [Question]) async throws {
        var progress = ProgressBar("asking", total: questions.count)
        var failures = 0
        var next = 0
        var printed = 0
        var ready: [Int: String] = [:]
        try await withThrowingTaskGroup(of: (index: Int, line: String, answered: Bool).self) { group in
            func startOne() {
                guard next < questions.count else { return }
                let index = next
                next += 1
                group.addTask { try await ask(questions[index], index: index) }
            }
            for _ in 0..<concurrency { startOne() }
            while let result = try await group.next() {
                ready[result.index] = result.line
                if !result.answered { failures += 1 }
                while let line = ready.removeValue(forKey: printed) {
                    try Terminal.output(line + "\n")
                    printed += 1
                }
                progress.advance()
                startOne()
            }
        }
        if failures > 0 {
            Terminal.note("\(failures) of \(questions.count) questions were not answered: see \"error\" in their lines")
            throw ExitCode.failure
        }
    }

    private func ask(_ question: Question, index: Int) async throws -> (index: Int, line: String, answered: Bool) {
        do {
            let images = try (question.imagePath.map { [$0] } ?? []).map { try ImageFile(path: $0) }
            var record = try await naming(images) { try await answer(question, images, index: index) }
            record.id = question.id
            record.image = question.image
            record.question = question.text
            return (index, try record.line, true)
        } catch {
            // Stopped by the user: nobody reads a line of errors for every question that is left.
            try Task.checkCancellation()
            let code = (error as? AnswerError)?.code ?? .internal
            let record = FailureRecord(
                id: question.id, image: question.image, question: question.text, error: "\(error)", code: code.rawValue)
            return (index, try jsonLine(record), false)
        }
    }

    private func answer(_ question: Question, _ images: [ImageFile], index: Int) async throws -> AnswerRecord {
        // Ids of a file may repeat, also among the files of several askers; requests under way must not.
        let request = sampling.request(
            id: "\(run)-\(index)", task: .conversation(question.turns), images: images.map(\.bytes))
        var times = TokenTimes()
        for try await event in answerer.engine.answer(request) {
            switch event {
            case .token: times.sawToken()
            case .done(let summary):
                var record = AnswerRecord(summary, domains: answerer.domains)
                if tellsTimes { record.add(times) }
                return record
            }
        }
        throw AnswerError(.unavailable, "the answer ended without its summary")
    }
}
