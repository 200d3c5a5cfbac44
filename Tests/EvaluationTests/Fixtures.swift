import Datasets
import Foundation

/// What several tests of this module need.
enum Fixture {
    static func data(_ name: String) throws -> Data { try Data(contentsOf: Bundle.module.bundleURL.appending(path: "Fixtures/\(name)")) }

    /// A folder of large public data, where there is one.
    static let shared = ProcessInfo.processInfo.environment["MEDMOE_SHARED"].flatMap { $0.isEmpty ? nil : $0 }

    /// A question about an image that nobody looks at.
    static func conversation(
        _ question: String, _ answer: String, _ type: Conversation.AnswerType = .open, modality: String? = nil, entry: Int = 0
    ) -> Conversation {
        Conversation(
            id: "\(entry)", image: "x.png", turns: [.init(question: question, answer: answer)], answerType: type, modality: modality, entry: entry)
    }

    /// The same, whatever the question.
    static func answer(_ answer: String, _ type: Conversation.AnswerType = .open, modality: String? = nil) -> Conversation {
        conversation("What?", answer, type, modality: modality)
    }
}
