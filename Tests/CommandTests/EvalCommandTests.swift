import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// `medmoe eval`
    @Suite struct Evaluations {
        private let program: Program
        private let base: [String]

        init() throws {
            program = try Program()
            base = ["eval", "--model", Checkout.bundledModel, "--images", Checkout.root.appending(path: "cluster/images").path]
        }

        private func entry(_ image: String, _ question: String, _ answer: String, _ type: String, modality: String = "null") -> String {
            """
            {"id": "x", "image": "\(image)", "answer_type": "\(type)", "modality": \(modality), "organ": null, "question_type": null,
             "conversations": [{"from": "human", "value": "<image>\\n\(question)"}, {"from": "gpt", "value": "\(answer)"}]}
            """
        }

        private func threeQuestions(more: [String] = []) throws -> String {
            let entries = [
                entry("synpic17738.jpg", "What organ system is being imaged?", "Chest", "OPEN", modality: "\"X-Ray\""),
                entry("synpic17153.jpg", "What type of MRI is used to acquire this image?", "T2 weighted image", "OPEN", modality: "\"MRI\""),
                entry("synpic25105.jpg", "Is there air in the bowel?", "Yes", "CLOSED"),
            ]
            return try program.folder.write("three.json", "[\((entries + more).joined(separator: ",\n"))]")
        }

        @Test("the report has the scores, the baselines, the groups and the parameters, in all its forms")
        func theReportHasItsFigures() async throws {
            let data = try threeQuestions()
            let train = try program.folder.write("train.json", "[\(entry("none.jpg", "Is there air in the bowel?", "no", "CLOSED"))]")
            let out = program.folder.path
            let outcome = try await program.succeed(
                base + ["--data", "three=\(data)", "--train", "three=\(train)", "--json", "\(out)/r.json", "--markdown", "\(out)/r.md", "--predictions", "\(out)/p.jsonl"])
            let json = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: out + "/r.json"))) as? [String: Any])
            let set = try #require((json["datasets"] as? [String: Any])?["three"] as? [String: Any])
            func value(_ place: [String: Any]?, _ key: String) -> Double? { (place?[key] as? [String: Double])?["value"] }
            #expect(value(set, "closed_accuracy") == 100)
            // "chest" of one word, "t2" of one of three.
            #expect(abs((value(set, "open_recall") ?? 0) - 100 * (1 + 1.0 / 3) / 2) < 1e-9)
            #expect(value(set, "open_exact_match") == 100)
            let baselines = set["baselines"] as? [String: Any]
            #expect(value(baselines?["question_only"] as? [String: Any], "closed_accuracy") == 0)
            #expect(Set((set["by_modality"] as? [String: Any] ?? [:]).keys) == ["X-Ray", "MRI", "unknown"])
            let parameters = json["parameters"] as? [String: Double]
            #expect(parameters?["total"] == 10_646_412 && parameters?["activated"] == 7_992_204)
            let lines = try String(contentsOfFile: out + "/p.jsonl", encoding: .utf8).split(separator: "\n")
            #expect(lines.count == 3 && lines[0].contains(#""text":"chest""#) && lines[2].contains(#""correct":true"#))
            #expect(try String(contentsOfFile: out + "/r.md", encoding: .utf8).contains("| three | 3 | 100.0 (100.0–100.0) | 66.7"))
            #expect(outcome.output.contains("three") && outcome.output.contains("100.0 (100.0–100.0)"))
        }

        @Test("over two workers the report is the same")
        func overTwoWorkersTheReportIsTheSame() async throws {
            let data = try threeQuestions()
            func report(_ more: [String]) async throws -> NSDictionary {
                let output = try await program.succeed(base + ["--data", "three=\(data)", "--json", "-"] + more).output
                let json = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
                return try #require(json["datasets"] as? NSDictionary)
            }
            let local = try await report([])
            let fleet = try await report(["--workers", "2"])
            #expect(local == fleet)
        }

        @Test("nothing is asked before all entries are good, unless bad ones may be left out")
        func nothingIsAskedBeforeAllEntriesAreGood() async throws {
            let bad = [entry("none.jpg", "What?", "a", "OPEN"), entry("../x.jpg", "What?", "a", "OPEN"), #"{"id": "y", "question": "What?"}"#]
            let data = try threeQuestions(more: bad)
            let refusal = try await program.run(base + ["--data", data])
            #expect(!refusal.succeeded && refusal.output.isEmpty)
            for part in ["3 problems in 6 entries", "--skip-bad", "entry 3", "none.jpg", "entry 4", "entry 5 (id 'y')", "'question'"] {
                #expect(refusal.errors.contains(part), "\(part) is not in \(refusal)")
            }
            let skipping = try await program.succeed(base + ["--data", data, "--skip-bad"])
            #expect(skipping.errors.contains("left out 3 bad entries") && skipping.output.contains("3 bad entries left out"))
        }

        @Test("the help says how to begin and what the options mean")
        func theHelpSaysHowToBegin() async throws {
            let help = try await program.succeed(["eval", "--help"]).output
            for word in ["--data", "--train", "--npz", "--labels", "--skip-bad", "--predictions", "bootstrap", "RESEARCH ONLY", "medmoe eval --model"] {
                #expect(help.contains(word), "\(word) is not in:\n\(help)")
            }
        }

        @Test("arguments that cannot be meant are refused with advice")
        func argumentsThatCannotBeMeantAreRefused() async throws {
            let data = try threeQuestions()
            for (arguments, part) in [
                ([], "--data"), (["--data", "a=\(data)", "a=\(data)"], "named \"a\""), (["--data", "a=\(data)", "--train", "b=\(data)"], "\"b\""),
                (["--npz", "x.npz"], "--labels"), (["--npz", "x.npz", "--labels", "one"], "at least two"), (["--data", data, "--resamples", "10"], "1000"),
            ] {
                expectRefusal(try await program.run(base + arguments), naming: part, usage: true)
            }
            expectRefusal(try await program.run(base + ["--data", data, "--json", "/none/r.json"]), naming: "/none/r.json")
            expectRefusal(try await program.run(base + ["--npz", data, "--labels", "a,b"]), naming: "three.json")
        }

        @Test("images of an array file are classified", .enabled(if: sharedFolder != nil, "MEDMOE_SHARED is not set: no array file is classified"))
        func imagesOfAnArrayFileAreClassified() async throws {
            let file = try #require(sharedFolder) + "/data/classification/pneumoniamnist.npz"
            let output = try await program.succeed(
                ["eval", "--model", Checkout.bundledModel, "--npz", file, "--labels", "normal,pneumonia", "--limit", "40", "--json", "-", "--predictions", program.folder.path + "/p.jsonl"]).output
            let json = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
            let set = try #require((json["classification"] as? [String: Any])?["pneumoniamnist"] as? [String: Any])
            #expect((set["accuracy"] as? [String: Double])?["n"] == 40)
            #expect((set["auc"] as? [String: Double]).map { (0...100).contains($0["value"] ?? -1) } == true)
            #expect((set["counts"] as? [Int])?.reduce(0, +) == 40)
            let lines = try String(contentsOfFile: program.folder.path + "/p.jsonl", encoding: .utf8).split(separator: "\n")
            #expect(lines.count == 40 && lines[0].contains("log_probabilities"))
        }
    }
}
