import Foundation
import MedMoE

/// Puts many questions to an engine, some at the same time, and hands the outcomes back in the order of the questions.
public struct Questioner: Sendable {
    public let engine: any AnswerEngine
    /// Questions under way at the same time: the engine computes them as one batch.
    public var concurrency: Int
    /// Time allowed for one answer, in milliseconds.
    public var deadlineMilliseconds: Int

    /// - Parameter concurrency: at least 1; smaller numbers count as that.
    public init(engine: any AnswerEngine, concurrency: Int = 16, deadlineMilliseconds: Int = 600_000) {
        self.engine = engine
        self.concurrency = max(1, concurrency)
        self.deadlineMilliseconds = deadlineMilliseconds
    }

    /// One question of many.
    public struct Item: Sendable {
        /// What errors call it: file and entry, or array and image.
        public var name: String
        public var task: AnswerRequest.Task
        /// The encoded image file; read when it is its turn.
        public var image: (@Sendable () throws -> [UInt8])?

        public init(name: String, task: AnswerRequest.Task, image: (@Sendable () throws -> [UInt8])?) {
            self.name = name
            self.task = task
            self.image = image
        }
    }

    /// Asks all. The first that fails ends everything: a score without some of the questions is no score.
    ///
    /// - Parameters:
    ///   - maximumTokens: the most tokens of an answer; greedy.
    ///   - answered: called after each answer, in the order in which they come.
    /// - Throws: `EvaluationError` that names the question, and `CancellationError`.
    public func ask(_ items: [Item], maximumTokens: Int, answered: @escaping @Sendable () -> Void = {}) async throws -> [AnswerSummary] {
        // Ids must differ among all askers of a coordinator.
        let run = UUID().uuidString
        return try await withThrowingTaskGroup(of: (Int, AnswerSummary).self) { group in
            var next = 0
            func startOne() {
                guard next < items.count else { return }
                let index = next
                next += 1
                group.addTask { (index, try await ask(items[index], id: "\(run)-\(index)", maximumTokens: maximumTokens)) }
            }
            for _ in 0..<concurrency { startOne() }
            var found = [AnswerSummary?](repeating: nil, count: items.count)
            while let (index, summary) = try await group.next() {
                found[index] = summary
                answered()
                startOne()
            }
            return found.compactMap { $0 }
        }
    }

    private func ask(_ item: Item, id: String, maximumTokens: Int) async throws -> AnswerSummary {
        do {
            let request = AnswerRequest(
                id: id, task: item.task, images: try item.image.map { [try $0()] } ?? [], maximumTokens: maximumTokens,
                deadlineMilliseconds: deadlineMilliseconds)
            for try await event in engine.answer(request) {
                if case .done(let summary) = event { return summary }
            }
            try Task.checkCancellation()
            throw AnswerError(.unavailable, "the answer ended without its summary")
        } catch let error as CancellationError {
            throw error
        } catch {
            try Task.checkCancellation()
            throw EvaluationError(description: "\(item.name): no answer: \(error)")
        }
    }
}

/// Why an evaluation ended without a report. The text names the file and the entry.
public struct EvaluationError: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public init(description: String) { self.description = description }
}
