import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// `medmoe ask --requests`
    @Suite struct QuestionFiles {
        private let program: Program
        private let base: [String]

        init() throws {
            program = try Program()
            base = ["ask", "--model", Checkout.bundledModel, "--max-tokens", "16", "--images", Checkout.root.appending(path: "cluster/images").path]
        }

        @Test("lines are answered in order, and one that fails does not stop the others")
        func linesAreAnsweredInOrderAndOneThatFails() async throws {
            let file = try program.folder.write(
                "questions.jsonl",
                """
                {"id": "a", "image": "synpic17738.jpg", "question": "What organ system is being imaged?"}
                {"id": "b", "image": "missing.jpg", "question": "What is this?"}

                {"id": "c", "image": "synpic17153.jpg", "question": "What type of MRI is used to acquire this image?"}
                {"id": "d", "image": "synpic17153.jpg", "question": ""}
                {"image": "synpic25105.jpg", "question": "Is there air in the bowel?"}
                {"id": "a", "question": "What modality is used?"}
                """)
            let outcome = try await program.run(base + ["--requests", file, "--concurrency", "3"])
            #expect(outcome.end == .exited(1))
            let answers = try outcome.answers()
            #expect(answers.map(\.id) == ["a", "b", "c", "d", "6", "a"])
            #expect(answers.prefix(5).map(\.answer) == ["chest", nil, "t2", nil, "yes"])
            #expect(answers[1].code == "invalid_image" && answers[1].error?.contains("missing.jpg") == true)
            #expect(answers[3].code == "invalid_request" && answers[3].error?.contains("empty") == true)
            #expect(answers[5].answer != nil)
            #expect(outcome.errors.contains("2 of 6 questions were not answered"))
            let first = try await program.succeed(base + ["--requests", file, "--limit", "1"])
            #expect(try first.answers().map(\.answer) == ["chest"])
        }

        @Test("a conversation file gives the turns before the question")
        func aConversationFileGivesTheTurnsBeforeTheQuestion() async throws {
            func conversation(_ turns: [(String, String)]) -> [String: Any] {
                ["id": "x\(turns.count)", "image": "synpic17738.jpg", "conversations": turns.map { ["from": $0.0, "value": $0.1] }]
            }
            let question = "What organ system is being imaged?"
            let entries = [
                conversation([("human", "<image>\n\(question)"), ("gpt", "chest")]),
                conversation([("human", "<image>\nWhat modality is this?"), ("gpt", "x-ray"), ("human", question), ("gpt", "chest")]),
            ]
            let file = try program.folder.write("llava.json", JSONSerialization.data(withJSONObject: entries))
            let answers = try await program.succeed(base + ["--requests", file]).answers()
            #expect(answers.map(\.id) == ["x2", "x4"])
            let single = try await program.succeed([
                "ask", "--json", "--model", Checkout.bundledModel, "--max-tokens", "16", "--image", Checkout.chest, question,
            ]).answer()
            #expect(answers[0].token_ids == single.token_ids)
            #expect(answers[0].prompt_tokens == single.prompt_tokens)
            #expect(answers[1].question == question)
            #expect((answers[1].prompt_tokens ?? 0) > (answers[0].prompt_tokens ?? 0))
            #expect(answers[1].answer?.isEmpty == false)
        }

        @Test("two files with the same ids on one coordinator do not get each other's answers")
        func twoFilesWithTheSameIdsOnOneCoordinator() async throws {
            let cluster = try await ClusterUnderTest(program, model: Checkout.bundledModel)
            let worker = try cluster.startWorker("all")
            try await cluster.waitUntilCovered(by: 1)
            var runs: [(RunningProgram, String)] = []
            for (image, question, answer) in BundledModel.questions {
                let lines = (0..<4).map { _ in "{\"id\": \"1\", \"image\": \"\(image)\", \"question\": \"\(question)\"}" }
                let file = try program.folder.write("\(runs.count).jsonl", lines.joined(separator: "\n"))
                runs.append((try program.start(["ask", "--coordinator", cluster.serving, "--max-tokens", "16", "--requests", file]), answer))
            }
            for (run, answer) in runs {
                let outcome = try await run.outcome(within: .seconds(60))
                #expect(outcome.succeeded, "\(outcome)")
                #expect(try outcome.answers().map(\.answer) == Array(repeating: answer, count: 4))
            }
            #expect(worker.end == nil)
        }

        @Test("a broken file is refused with the number of the line, before a model is loaded")
        func aBrokenFileIsRefusedWithTheNumberOf() async throws {
            let good = #"{"question": "What is this?"}"#
            for (name, text, parts) in [
                ("syntax.jsonl", "\(good)\n\(good)\n{\"question\": \n", ["line 3"]),
                ("field.jsonl", "\(good)\n{\"id\": \"x\"}\n", ["line 2", "question"]),
                ("type.jsonl", "{\"question\": 7}\n", ["line 1", "question"]),
                ("llava.json", "[{\"id\": \"x\", \"conversations\": [{\"from\": \"human\"}]}]", ["value"]),
                ("nobody.json", "[{\"id\": \"x\", \"conversations\": [{\"from\": \"gpt\", \"value\": \"hi\"}]}]", ["entry x", "human"]),
                ("cut.json", "[{\"id\": \"x\", ", ["conversation"]),
            ] {
                let file = try program.folder.write(name, text)
                let outcome = try await program.run(["ask", "--model", "/nonexistent", "--requests", file])
                expectRefusal(outcome, naming: name)
                for part in parts { #expect(outcome.errors.contains(part), "\(outcome)") }
            }
            expectRefusal(try await program.run(["ask", "--model", Checkout.bundledModel, "--requests", "/nonexistent.jsonl"]), naming: "/nonexistent.jsonl")
            let binary = try program.folder.write("binary.jsonl", [0xFF, 0xFE, 0x00, 0x80, 0x0A])
            expectRefusal(try await program.run(["ask", "--model", Checkout.bundledModel, "--requests", binary]), naming: "binary.jsonl", "line 1")
        }
    }
}
