import Checkpoints
import Foundation
import ModelFixtures
import Testing

@testable import MedMoE

/// A request alone and the same request among fifteen others: the same tokens, and logits that are the same bit by bit.
@Suite struct BatchIndependenceTests {
    /// Checkpoints with an image that suits each.
    enum Subject: String, CaseIterable {
        case stableLM, phi, top2, bundled

        private var fixture: ModelFixture? {
            switch self {
            case .stableLM: .stableLM
            case .phi: .phi
            case .top2: .stableLMTop2
            case .bundled: nil
            }
        }

        private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()

        var checkpoint: String {
            fixture?.checkpoint.path ?? Self.root.appending(path: "cluster/models/medmoe-tiny").path
        }

        func image(_ index: Int) throws -> [UInt8] {
            let names = ["synpic17738.jpg", "synpic17153.jpg"]
            return try [UInt8](Data(contentsOf: fixture?.image(index) ?? Self.root.appending(path: "cluster/images/\(names[index])")))
        }
    }

    private func requests(_ subject: Subject) throws -> (same: [AnswerRequest], others: [AnswerRequest]) {
        let question = [AnswerRequest.Turn(.user, "What organ system is being imaged?")]
        let image = try subject.image(0)
        // Tokens that are drawn depend on every logit.
        let same = [
            AnswerRequest(id: "greedy", task: .conversation(question), images: [image], maximumTokens: 12),
            AnswerRequest(
                id: "drawn", task: .conversation(question), images: [image], sampling: .init(temperature: 2, seed: 3), maximumTokens: 12),
            AnswerRequest(id: "labels", task: .classify(question, labels: ["chest", "brain", "the abdomen"]), images: [image]),
        ]
        let questions = ["Where?", "Is the heart enlarged, or is it not?", "What is shown here, and from which side?"]
        let others = try (0..<15).map { index in
            AnswerRequest(
                id: "other-\(index)", task: .conversation([.init(.user, questions[index % 3])]),
                images: index % 5 == 4 ? [] : [try subject.image(index % 2)], maximumTokens: 2 + index)
        }
        return (same, others)
    }

    @Test(arguments: Subject.allCases, [0, 1, 3])
    func aRequestAloneAndAmongFifteenOthers(subject: Subject, lanes: Int) async throws {
        let (same, others) = try requests(subject)
        let alone = try await ScriptedEngine(checkpoint: subject.checkpoint).engine
        let aloneLog = LogitLog()
        await alone.record(into: aloneLog)
        // Without lanes the experts are in this process, as they are for one request; else they answer late and in any order.
        let scripted = try await ScriptedEngine(
            checkpoint: subject.checkpoint, script: .init(delay: lanes == 0 ? 0 : 2), seed: UInt64(lanes), lanes: max(1, lanes),
            rowsPerStep: 64)
        let engine = scripted.engine
        for request in same {
            let expected = try await alone.finished(request).summary
            let log = LogitLog()
            await engine.record(into: log)
            let found = try await withThrowingTaskGroup(of: AnswerSummary?.self) { group in
                for other in others {
                    group.addTask {
                        _ = try await engine.finished(other)
                        return nil
                    }
                }
                group.addTask { try await engine.finished(request).summary }
                return try await group.reduce(into: [AnswerSummary]()) { list, summary in summary.map { list.append($0) } }.first
            }
            #expect(found?.tokenIDs == expected.tokenIDs)
            #expect(found?.answer == expected.answer)
            #expect(found?.routing == expected.routing)
            #expect(found?.labelLogProbabilities == expected.labelLogProbabilities)
            #expect(log.bits(request.id) == aloneLog.bits(request.id))
            #expect(!log.bits(request.id).isEmpty)
        }
    }
}
