import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// `medmoe train all`
    @Suite struct TrainingCourses {
        private let ground: TrainingGround

        init() throws {
            ground = try TrainingGround()
            try ground.writeCourseData(dev: Array(TrainingGround.entries(5).dropFirst(2)))
            try ground.write(
                TrainingGround.scans.enumerated().map { number, scan in
                    TrainingGround.entry(
                        "c\(number)", image: scan, question: "<image>\nDescribe it.", answer: "a picture of kind \(number)",
                        modality: TrainingGround.modalities[number], more: ["question_type": "caption"])
                }, to: "captions.json")
        }

        private func recipe(_ steps: String = TrainingCourses.steps) throws -> String {
            try ground.program.folder.write(
                "course.yaml",
                """
                seed: 2
                data: {train: [train.json], captions: [captions.json], dev: [dev.json]}
                tokenizer: {vocabulary: 300}
                model:
                  image: 28
                  patch: 14
                  tower: {width: 16, layers: 2, heads: 2}
                  backbone: {width: 16, inner: 24, layers: 2, heads: 2, context: 512}
                steps:
                \(steps)
                ablations:
                  - {name: control, step: experts, from: router, dense: true, epochs: 1, batch: 4}
                """)
        }

        private static let steps = """
              - {step: encoder, epochs: 1, batch: 3}
              - {step: language, epochs: 1, batch: 4}
              - {step: align, epochs: 1, batch: 2}
              - {step: instruct, epochs: 20, batch: 2, rate: 1.0e-3, checkpointEvery: 10}
              - {step: router, epochs: 2, batch: 4}
              - {step: experts, epochs: 1, batch: 4, evaluate: true}
            """
        private static let folders = ["0-model", "1-encoder", "2-language", "3-align", "4-instruct", "5-router", "6-experts", "ablations/control"]

        private func course(_ recipe: String) -> [String] {
            ["train", "all", "--recipe", recipe, "--data", ground.program.folder.path, "--out", ground.path("out"), "--ablations"]
        }

        private func weights() throws -> [String: Data] {
            try Dictionary(uniqueKeysWithValues: Self.folders.map { ($0, try Data(contentsOf: URL(filePath: ground.path("out/\($0)/model.safetensors")))) })
        }

        @Test("a course that was killed goes on where it was, its model answers, and given once more it learns nothing again")
        func aWholeCourse() async throws {
            let arguments = course(try recipe())
            let log = ground.path("out/log.jsonl")
            let running = try ground.program.start(arguments)
            try await ground.kill(running, at: 25, log: log, stage: "instruct")
            let outcome = try await ground.program.succeed(arguments)
            for part in ["encoder: is there already", "align: is there already", "instruct: goes on after update 20", "router on held-out data"] {
                #expect(outcome.errors.contains(part), "\"\(part)\" is not in \(outcome)")
            }
            let records = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").filter { $0.contains(#""kind":"confusion""#) }
            // How well modalities of held-out images are told.
            #expect(["encoder", "router"].allSatisfy { stage in records.contains { $0.contains(#""stage":"\#(stage)""#) } }, "\(records)")
            #expect(outcome.output.contains("experts") && outcome.output.contains("control"), "\(outcome)")
            for folder in Self.folders { #expect(ground.exists("out/\(folder)/config.json"), "\(folder)") }
            #expect(ground.exists("out/5-router/router.safetensors") && ground.exists("out/1-encoder/text_tower.safetensors"))
            #expect(try ground.losses(log, stage: "instruct").count == 120)
            let answer = try await ground.program.succeed(
                ["ask", "--model", ground.path("out/6-experts"), "--image", Checkout.chest, "--max-tokens", "4", "--json", "What is finding 1?"]
            ).answer()
            #expect(answer.error == nil && answer.routing?.isEmpty == false)
            let before = try weights()
            let again = try await ground.program.succeed(arguments)
            #expect(again.errors.components(separatedBy: "is there already").count == 8 && !again.errors.contains("epoch"), "\(again)")
            #expect(try weights() == before && again.output == outcome.output)
            // Nothing was asked again, either.
            #expect(again.errors.components(separatedBy: "was asked already").count == 3, "\(again)")
            #expect(try ground.evaluations(log) == ["experts", "control"])
            try await startsByHandAlike()
        }

        /// Whoever takes the steps one by one begins with the course's tokenizer and model.
        private func startsByHandAlike() async throws {
            let (tokenizer, model) = (ground.path("tokenizer"), ground.path("new"))
            _ = try await ground.program.succeed(
                ["tokenizer", "train", "--data", ground.path("train.json"), ground.path("captions.json"), "--vocabulary", "300", "--out", tokenizer])
            let start = ["train", "new", "--recipe", ground.path("course.yaml"), "--tokenizer", tokenizer, "--out", model]
            _ = try await ground.program.succeed(start)
            for file in ["model.safetensors", "config.json", "tokenizer.json", "clip/model.safetensors"] {
                let bytes = try Data(contentsOf: URL(filePath: "\(model)/\(file)"))
                #expect(try bytes == Data(contentsOf: URL(filePath: ground.path("out/0-model/\(file)"))), "\(file)")
            }
            let again = try await ground.program.run(start)
            #expect(!again.succeeded && again.errors.contains("--out \(model) exists"), "\(again)")
        }

        @Test("a new model needs a recipe with sizes and a tokenizer that can be read", arguments: [
            ("data: {train: [train.json]}\nsteps: [{step: align}]\n", "has no \"model\""),
            ("data: {train: [train.json]}\nsteps: [{step: align}]\n" + sizes(heads: 3), "tower.width 16 is no multiple of tower.heads 3"),
            ("data: {train: [train.json]}\nsteps: [{step: align}]\n" + sizes(heads: 2), "nowhere cannot be read"),
        ])
        func newModelsAreRefused(recipe: String, problem: String) async throws {
            let recipe = try ground.program.folder.write("new.yaml", recipe)
            let outcome = try await ground.program.run(
                ["train", "new", "--recipe", recipe, "--tokenizer", ground.path("nowhere"), "--out", ground.path("new")])
            #expect(!outcome.succeeded && outcome.errors.contains(problem), "\(outcome)")
            #expect(!ground.exists("new"))
        }

        private static func sizes(heads: Int) -> String {
            """
            model:
              image: 28
              patch: 14
              tower: {width: 16, layers: 2, heads: \(heads)}
              backbone: {width: 16, inner: 24, layers: 2, heads: 2, context: 512}
            """
        }

        @Test("bad data of any step, or a recipe that cannot be followed, is named before the first step begins")
        func badDataIsNamedFirst() async throws {
            var dev = TrainingGround.entries(3)
            dev[1]["image"] = "none.jpg"
            try ground.write(dev, to: "dev.json")
            let refused = try await ground.program.run(course(try recipe()))
            #expect(!refused.succeeded && refused.errors.contains("dev.json, entry 1 (id 'e1')"), "\(refused)")
            #expect(!ground.exists("out"))
            let misspelt = try recipe("  - {step: align, epoch: 3}\n  - {step: router}")
            expectRefusal(try await ground.program.run(course(misspelt)), naming: "course.yaml", "\"steps[0].epoch\" is no key")
            let missing = course("/nonexistent.yaml")
            expectRefusal(try await ground.program.run(missing), naming: "/nonexistent.yaml")
        }
    }
}
