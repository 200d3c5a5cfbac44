import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// Questions whose answers by the public code are known.
    @Suite struct SharedQuestions {
        private struct Reference: Decodable {
            var id: String
            var text: String
        }

        @Test("200 questions have the same tokens in process and over two workers, and the public code's answers", .enabled(if: sharedFolder != nil, "MEDMOE_SHARED is not set: 200 questions of SLAKE are not asked"))
        func twoHundredQuestionsHaveTheSameTokens() async throws {
            let shared = try #require(sharedFolder)
            let reference = try String(contentsOfFile: shared + "/models/medmoe-tiny/slake-dev-200.jsonl", encoding: .utf8)
                .split(separator: "\n").map { try JSONDecoder().decode(Reference.self, from: Data($0.utf8)) }
            let program = try Program()
            let arguments = [
                "ask", "--model", shared + "/models/medmoe-tiny", "--requests", shared + "/data/slake/dev.json", "--limit", "200",
                "--images", shared + "/data", "--max-tokens", "16",
            ]
            let local = try await program.succeed(arguments, within: .seconds(300)).answers()
            let fleet = try await program.succeed(arguments + ["--workers", "2"], within: .seconds(300)).answers()
            #expect(local.map(\.id) == reference.map(\.id))
            #expect(fleet.map(\.id) == local.map(\.id))
            #expect(fleet.map(\.token_ids) == local.map(\.token_ids))
            let equal = zip(local, reference).filter { $0.answer == $1.text }.count
            print("\(equal) of \(reference.count) answers are those of the public code")
            #expect(reference.count == 200 && equal >= 198)
        }
    }
}
