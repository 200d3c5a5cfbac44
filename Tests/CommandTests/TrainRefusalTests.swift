import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// What `medmoe train` says of bad data, before it begins.
    @Suite struct TrainingRefusals {
        private let ground: TrainingGround

        init() throws { ground = try TrainingGround() }

        private let short = ["--epochs", "1", "--batch", "4"]
        private let scan = TrainingGround.scans[0]

        /// An entry for each thing that can be wrong.
        private var bad: [[String: Any]] {
            [
                TrainingGround.entry("gone", image: "none.jpg", question: "<image>\nWhat?", answer: "a"),
                TrainingGround.entry("bare", image: scan, question: "What?", answer: "a"),
                TrainingGround.entry("twice", image: scan, question: "<image>\nWhat <image>?", answer: "a"),
                TrainingGround.entry("long", image: scan, question: "<image>\nWhat?", answer: String(repeating: "opacity of the lung ", count: 400)),
                ["id": "flat", "image": scan, "question": "What?", "answer": "a"],
                TrainingGround.entry("text", image: nil, question: "What?", answer: "a"),
            ]
        }

        @Test("every bad entry is named with file, entry and fault, and nothing is begun", arguments: ["align", "instruct", "experts", "router", "encoder"])
        func everyBadEntryIsNamed(step: String) async throws {
            let data = try ground.write(TrainingGround.entries() + bad, to: "mixed.json")
            let outcome = try await ground.program.run(ground.step(step, data: data, out: "out", short))
            #expect(outcome.end == .exited(1) && outcome.output.isEmpty, "\(outcome)")
            for part in [
                "6 problems in 18 entries", "--skip-bad", "\(data), entry 12 (id 'gone')", "none.jpg", "entry 13 (id 'bare'): has an image but no <image>",
                "entry 14 (id 'twice'): has <image> 2 times", "entry 15 (id 'long'): takes ", "the model's context is 512",
                "entry 16 (id 'flat'): has another layout", "entry 17 (id 'text'): has no 'image', while",
            ] { #expect(outcome.errors.contains(part), "\"\(part)\" is not in \(outcome)") }
            #expect(!ground.exists("out") && !ground.exists("out.steps"))
        }

        @Test("with --skip-bad they are left out, counted by kind, and the good ones are learnt from")
        func badEntriesAreLeftOut() async throws {
            let data = try ground.write(bad + TrainingGround.entries(), to: "mixed.json")
            let outcome = try await ground.program.succeed(ground.step("instruct", data: data, out: "out", short + ["--skip-bad"]))
            for part in ["left out ", "1 × missing image", "1 × <image> missing", "1 × <image> repeated", "1 × too long", "2 × mixed layouts"] {
                #expect(outcome.errors.contains(part), "\"\(part)\" is not in \(outcome)")
            }
            // Numbers of entries do not count: the same good ones give the same model.
            let good = try ground.write(TrainingGround.entries(), to: "good.json")
            try await ground.program.succeed(ground.step("instruct", data: good, out: "same", short))
            #expect(ground.areEqual("out/model.safetensors", "same/model.safetensors"))
        }

        @Test("an unknown modality is named where labels count, also among what is held out")
        func unknownModalitiesAreNamed() async throws {
            let good = try ground.write(TrainingGround.entries(), to: "good.json")
            let odd = TrainingGround.entry("echo", image: scan, question: "<image>\nWhat?", answer: "a", modality: "Ultrasound")
            let data = try ground.write(TrainingGround.entries() + [odd], to: "odd.json")
            for step in ["router", "encoder"] {
                for arguments in [ground.step(step, data: data, out: "out"), ground.step(step, data: good, out: "out", ["--held-out", data])] {
                    let outcome = try await ground.program.run(arguments)
                    #expect(!outcome.succeeded && !ground.exists("out") && !ground.exists("out.steps"), "\(outcome)")
                    #expect(!outcome.errors.contains("hidden states") && !outcome.errors.contains("epoch"), "it had begun: \(outcome)")
                    for part in ["\(data), entry 12 (id 'echo')", "'Ultrasound' is unknown", "CT, MRI, Pathology, X-Ray"] {
                        #expect(outcome.errors.contains(part), "\"\(part)\" is not in \(outcome)")
                    }
                }
            }
            let outcome = try await ground.program.succeed(
                ground.step("router", data: data, out: "out", ["--held-out", data, "--skip-bad", "--epochs", "2"]))
            #expect(outcome.errors.contains("1 × unknown label") && outcome.errors.contains("of 3 images"), "\(outcome)")
        }

        @Test("bad entries that are held out are named before anything is learnt", arguments: ["encoder", "router"])
        func badHeldOutEntriesAreNamedFirst(step: String) async throws {
            let good = try ground.write(TrainingGround.entries(), to: "good.json")
            let held = try ground.write(TrainingGround.entries() + bad, to: "held.json")
            let outcome = try await ground.program.run(ground.step(step, data: good, out: "out", short + ["--held-out", held]))
            #expect(!outcome.succeeded && !outcome.errors.contains("epoch"), "it had begun: \(outcome)")
            for part in ["6 problems in 18 entries", "\(held), entry 12 (id 'gone')", "entry 15 (id 'long'): takes "] {
                #expect(outcome.errors.contains(part), "\"\(part)\" is not in \(outcome)")
            }
            #expect(!ground.exists("out") && !ground.exists("out.steps"))
        }

        @Test("broken JSON and missing files are named; with --skip-bad what was read before is learnt from")
        func brokenFilesAreNamed() async throws {
            let text = String(decoding: try JSONSerialization.data(withJSONObject: TrainingGround.entries()), as: UTF8.self)
            let data = try ground.program.folder.write("torn.json", text.dropLast(1) + ",\n{\"id\": \"x\", ]")
            let outcome = try await ground.program.run(ground.step("instruct", data: data, out: "out", short))
            #expect(!outcome.succeeded && outcome.errors.contains("\(data), entry 12: is broken JSON in line 2"), "\(outcome)")
            #expect(!ground.exists("out"))
            let skipping = try await ground.program.succeed(ground.step("instruct", data: data, out: "out", short + ["--skip-bad"]))
            #expect(skipping.errors.contains("1 × broken JSON"), "\(skipping)")
            let missing = try await ground.program.run(ground.step("instruct", data: "/nonexistent.json", out: "none", short + ["--skip-bad"]))
            #expect(!missing.succeeded && missing.errors.contains("/nonexistent.json"), "\(missing)")
        }

        @Test("a place for the output that cannot be is found before learning; a slash at its end changes nothing")
        func outputPlacesAreChecked() async throws {
            let data = try ground.write(TrainingGround.entries(4), to: "train.json")
            try ground.program.folder.write("file", "")
            let log = ["--log", ground.path("log.jsonl")]
            let refused = try await ground.program.run(ground.step("instruct", data: data, out: "file/out", short + log))
            expectRefusal(refused, naming: "file/out.steps")
            #expect(!refused.errors.contains("epoch"), "\(refused)")
            // A folder in folders that do not exist yet, and one that exists and is empty.
            try await ground.program.succeed(ground.step("instruct", data: data, out: "new/deep/out/", short + log))
            #expect(ground.exists("new/deep/out/config.json") && !ground.exists("new/deep/out.steps") && !ground.exists("new/deep/out/.steps"))
            try FileManager.default.createDirectory(atPath: ground.path("empty"), withIntermediateDirectories: true)
            try await ground.program.succeed(ground.step("instruct", data: data, out: "empty", short))
            #expect(ground.areEqual("new/deep/out/model.safetensors", "empty/model.safetensors"))
        }

        @Test("options that a step does not read, or that exclude each other, are refused by name", arguments: [
            ("router", ["--micro-batch", "8"], "router does not read \"microBatch\""), ("encoder", ["--micro-batch", "8"], "encoder does not read"),
            ("experts", ["--dense", "--top-k", "2"], "--dense has no experts"), ("experts", ["--dense", "--without-meta"], "--dense has no experts"),
            ("experts", ["--router", "r.safetensors", "--without-router"], "--without-router"),
        ])
        func optionsThatAreNotRead(step: String, more: [String], part: String) async throws {
            let outcome = try await ground.program.run(ground.step(step, data: "/nonexistent.json", out: "out", more))
            #expect(!outcome.succeeded && outcome.errors.contains(part), "\(outcome)")
            #expect(!ground.exists("out.log.jsonl"))
        }

        @Test("settings that cannot be meant are refused by name", arguments: [
            (["--rate", "0"], "learning rate is 0"), (["--batch", "0"], "batch is 0"), (["--epochs", "-1"], "--epochs"), (["--warm-up", "2"], "warm-up is 2"),
            (["--rate", "nan"], "learning rate is nan"), (["--micro-batch", "0"], "micro-batch is 0"), (["--threads", "0"], "--threads is 0"),
        ])
        func settingsThatCannotBeMeant(more: [String], part: String) async throws {
            let outcome = try await ground.program.run(ground.step("instruct", data: "/nonexistent.json", out: "out", more))
            expectRefusal(outcome, naming: part, usage: true)
            #expect(!ground.exists("out.log.jsonl"))
        }
    }
}
