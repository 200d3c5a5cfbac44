import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// `medmoe train all` where data is bad, or given again after something was changed.
    @Suite struct TrainingChanges {
        private let ground: TrainingGround

        init() throws {
            ground = try TrainingGround()
            try ground.writeCourseData(dev: TrainingGround.entries(4))
            try ground.program.folder.write("text.jpg", "Findings: none.\n")
        }

        private static let asked = "  - {step: instruct, epochs: 1, batch: 4, rate: 1.0e-3, evaluate: true}\n"
        private static let twice = "  - {step: instruct, epochs: 1, batch: 4}\n  - {step: instruct, name: more, epochs: 1, batch: 4}\n"
        private static let sizes = """
            tokenizer: {vocabulary: 300}
            model:
              image: 28
              patch: 14
              tower: {width: 16, layers: 2, heads: 2}
              backbone: {width: 16, inner: 24, layers: 2, heads: 2, context: 512}

            """

        /// - Parameter sizes: those of a new model; nil to begin with a small one that is there.
        private func course(_ steps: String, sizes: String? = nil, _ more: [String] = []) throws -> [String] {
            let recipe = try ground.program.folder.write(
                "course.yaml", "seed: 2\ndata: {train: [train.json], dev: [dev.json]}\n\(sizes ?? "")steps:\n\(steps)")
            return ["train", "all", "--recipe", recipe, "--data", ground.program.folder.path, "--out", ground.path("out")]
                + (sizes == nil ? ["--model", ground.model] : []) + more
        }

        private var reportPath: URL { URL(filePath: ground.path("out/1-instruct.evaluation.json")) }

        private func report() throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: reportPath)) as? [String: Any])
        }

        private func digest() throws -> String? { (try report()["settings"] as? [String: Any])?["digest"] as? String }

        @Test("a model that was learnt anew is asked anew, and one whose report does not say of which model it is; no other is")
        func scoresAreOfTheModel() async throws {
            try await ground.program.succeed(try course(Self.asked))
            let first = try #require(try digest())
            let inspected = try await ground.program.succeed(["inspect", ground.path("out/1-instruct")])
            #expect(first.count == 64 && inspected.output.contains(first), "\(inspected)")
            try FileManager.default.removeItem(atPath: ground.path("out/1-instruct"))
            let longer = try course(Self.asked.replacing("epochs: 1", with: "epochs: 2"))
            let anew = try await ground.program.succeed(longer)
            #expect(anew.errors.contains("instruct: is asked again"), "\(anew)")
            let second = try #require(try digest())
            #expect(second != first)
            // As earlier versions wrote it.
            var old = try report()
            old["settings"] = ["max_tokens": 16]
            try JSONSerialization.data(withJSONObject: old).write(to: reportPath)
            let unknown = try await ground.program.succeed(longer)
            #expect(unknown.errors.contains("instruct: is there already") && unknown.errors.contains("instruct: is asked again"), "\(unknown)")
            #expect(try digest() == second)
            let again = try await ground.program.succeed(longer)
            #expect(again.errors.contains("instruct: was asked already") && again.output == unknown.output, "\(again)")
            #expect(try ground.evaluations(ground.path("out/log.jsonl")).count == 3)
        }

        @Test("the report has what that of eval has: parameters, baselines of the training answers, and what was left out")
        func theReportIsThatOfEval() async throws {
            let bad = [("gone", "none.jpg"), ("torn", "text.jpg")].map { id, image in
                TrainingGround.entry(id, image: image, question: "<image>\nWhat?", answer: "a")
            }
            try ground.write(TrainingGround.entries(4) + bad, to: "dev.json")
            try await ground.program.succeed(try course(Self.asked, ["--skip-bad"]))
            let found = try report()
            #expect((found["skipped"] as? [String: Int]) == ["missing image": 1, "bad image": 1])
            let parameters = try #require(found["parameters"] as? [String: Double])
            #expect((parameters["activated"] ?? 0) > 0 && (parameters["activated"] ?? 0) < (parameters["total"] ?? 0), "\(parameters)")
            let set = (found["datasets"] as? [String: Any])?.values.first as? [String: Any]
            let baseline = (set?["baselines"] as? [String: Any])?["question_only"] as? [String: Any]
            // The questions that are kept apart are among those that were learnt from here.
            #expect((baseline?["open_exact"] as? [String: Double])?["value"] == 100, "\(set ?? [:])")
        }

        @Test("a finished step of a recipe that was changed since is refused with the setting and what to do, before anything is done")
        func changedStepsAreRefused() async throws {
            let arguments = try course(Self.twice)
            try await ground.program.succeed(arguments)
            let log = URL(filePath: ground.path("out/log.jsonl"))
            let before = try Data(contentsOf: log)
            let changed = Self.twice.replacing("name: more, epochs: 1", with: "name: more, epochs: 3")
            expectRefusal(
                try await ground.program.run(try course(changed)), naming: "out/2-more is finished", "\"epochs\" was 1 and is 3 in the recipe",
                "remove that folder and those made after it", "take the recipe back")
            #expect(try Data(contentsOf: log) == before)
            // What changes no bit may change.
            let saving = try await ground.program.succeed(try course(Self.twice.replacing("batch: 4", with: "batch: 4, checkpointEvery: 7")))
            #expect(saving.errors.contains("more: is there already"), "\(saving)")
            // Earlier versions did not write down what they learnt with.
            try FileManager.default.removeItem(atPath: ground.path("out/2-more.settings.json"))
            let accepted = try await ground.program.succeed(try course(changed))
            for part in ["2-more.settings.json is missing", "more: is there already"] {
                #expect(accepted.errors.contains(part), "\"\(part)\" is not in \(accepted)")
            }
            try ground.program.folder.write("out/2-more.settings.json", "{\"epochs\": 1")
            expectRefusal(try await ground.program.run(try course(changed)), naming: "2-more.settings.json cannot be read", "remove it to keep")
            // As the refusal says.
            try FileManager.default.removeItem(atPath: ground.path("out/2-more"))
            let learnt = try await ground.program.succeed(try course(changed))
            #expect(learnt.errors.contains("instruct: is there already") && learnt.errors.contains("more: done"), "\(learnt)")
            try await ground.program.succeed(try course(changed))
        }

        @Test("so is one whose model before it is gone, or was learnt anew")
        func otherBeginningsAreRefused() async throws {
            try await ground.program.succeed(try course(Self.twice))
            let files = FileManager.default
            try files.removeItem(atPath: ground.path("out/1-instruct"))
            expectRefusal(
                try await ground.program.run(try course(Self.twice)), naming: "out/2-more is finished, but", "out/1-instruct, which it began with, is not there")
            // Learnt anew while the second step was elsewhere.
            try files.moveItem(atPath: ground.path("out/2-more"), toPath: ground.path("aside"))
            let first = "  - {step: instruct, epochs: 2, batch: 4}\n"
            try await ground.program.succeed(try course(first))
            try files.moveItem(atPath: ground.path("aside"), toPath: ground.path("out/2-more"))
            let both = first + "  - {step: instruct, name: more, epochs: 1, batch: 4}\n"
            expectRefusal(
                try await ground.program.run(try course(both)), naming: "out/2-more is finished, but 1-instruct was learnt anew since",
                "remove that folder and those made after it")
        }

        @Test("a finished model that is stored as another number type than asked for is refused")
        func otherNumberTypesAreRefused() async throws {
            try await ground.program.succeed(try course(Self.asked, ["--dtype", "bf16"]))
            expectRefusal(try await ground.program.run(try course(Self.asked)), naming: "out/1-instruct is finished", "\"dtype\" was BF16 and is F32")
        }

        @Test("so is a new model of other sizes")
        func changedModelsAreRefused() async throws {
            let steps = "  - {step: language, epochs: 1, batch: 4}\n"
            try await ground.program.succeed(try course(steps, sizes: Self.sizes))
            let other = try course(steps, sizes: Self.sizes.replacing("context: 512", with: "context: 256"))
            expectRefusal(try await ground.program.run(other), naming: "out/0-model is finished", "\"model.backbone.context\" was 512 and is 256")
        }

        @Test("what a later step cannot learn from is named before the first one begins", arguments: [
            ("text.jpg", "CT", "does not decode"), (TrainingGround.scans[0], "Ultrasound", "'Ultrasound' is unknown"),
            (nil, "CT", "has no 'image', while"),
        ] as [(String?, String, String)])
        func badDataIsNamedFirst(image: String?, modality: String, problem: String) async throws {
            let odd = TrainingGround.entry(
                "odd", image: image, question: image == nil ? "What?" : "<image>\nWhat?", answer: "a", modality: modality)
            try ground.write(TrainingGround.entries() + [odd], to: "train.json")
            let steps = "  - {step: language}\n  - {step: router}\n"
            let refused = try await ground.program.run(try course(steps))
            #expect(refused.end == .exited(1) && refused.output.isEmpty && !ground.exists("out"), "\(refused)")
            for part in ["checking data: ", "train.json, entry 12 (id 'odd')", problem] {
                #expect(refused.errors.contains(part), "\"\(part)\" is not in \(refused)")
            }
        }
    }
}
