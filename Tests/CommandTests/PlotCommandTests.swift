import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// `medmoe plot`
    @Suite struct Plots {
        private let program: Program

        init() throws { program = try Program() }

        private func log(_ name: String, shift: Double = 0, more: [String] = []) throws -> String {
            let steps = ["align", "instruct"].flatMap { stage in
                (1...200).map { step in
                    let loss = 3 * 50 / (50 + Double(step)) + shift + (step % 2 == 0 ? 0.1 : -0.1)
                    return #"{"kind":"step","stage":"\#(stage)","step":\#(step),"loss":\#(loss),"rate":\#(1e-3 * Double(200 - step) / 200)}"#
                }
            }
            return try program.folder.write(name, (steps + more).joined(separator: "\n") + "\n")
        }

        private let router = [
            #"{"kind":"confusion","labels":["CT","MRI"],"counts":[[97,3],[4,96]]}"#,
            #"{"kind":"routing","layers":[0,2],"experts":["CT","MRI"],"domains":["CT","MRI","X-Ray"],"counts":[[[30,10],[5,95],[0,0]],[[1,3],[2,2],[0,0]]]}"#,
            #"{"kind":"evaluation","stage":"experts","datasets":{"slake":{"closedAccuracy":76.3,"openRecall":61.2}}}"#,
        ]

        private func figure(_ out: String, _ name: String) throws -> String {
            let text = try String(contentsOfFile: "\(out)/\(name).svg", encoding: .utf8)
            try #require(text.hasPrefix("<svg ") && text.hasSuffix("</svg>\n"))
            return text
        }

        @Test("a log becomes curves per stage, a confusion matrix, tokens per expert and scores")
        func aLogBecomesFigures() async throws {
            let out = program.folder.appending("new/plots")
            let outcome = try await program.succeed(["plot", try log("run.jsonl", more: router), "--out", out])
            #expect(outcome.output.split(separator: "\n").map { $0.split(separator: "/").last } ==
                ["loss.svg", "learning-rate.svg", "confusion.svg", "routing.svg", "routing-by-layer.svg", "scores.svg"])
            let loss = try figure(out, "loss")
            #expect(loss.contains("Loss: align") && loss.contains("Loss: instruct") && loss.contains("mean over 4 steps"))
            #expect(loss.components(separatedBy: "stroke-opacity").count == 3, "one pale line in each of two panels")
            #expect(try figure(out, "learning-rate").contains("Learning rate: instruct"))
            let confusion = try figure(out, "confusion")
            #expect(confusion.contains("193 of 200 right (96.5 %)") && confusion.contains(">97.0 %<"))
            let routing = try figure(out, "routing")
            #expect(routing.contains("Layer 0: tokens") && routing.contains("Layer 2: tokens") && routing.contains(">X-Ray<"))
            #expect(try figure(out, "routing-by-layer").contains(">95<"))
            #expect(try figure(out, "scores").contains("Open questions: recall"))
        }

        @Test("stages with counts of their own get figures of their own, of what was logged last")
        func stagesGetFiguresOfTheirOwn() async throws {
            let out = program.folder.appending("stages")
            let counts = [("experts", 60), ("top-2", 30), ("experts", 80)].map { stage, tokens in
                #"{"kind":"routing","stage":"\#(stage)","layers":[0],"experts":["CT","MRI"],"domains":["CT"],"counts":[[[\#(tokens),20]]]}"#
            }
            let outcome = try await program.succeed(["plot", try log("run.jsonl", more: counts + [router[0]]), "--out", out])
            let names = outcome.output.split(separator: "\n").compactMap { $0.split(separator: "/").last.map(String.init) }
            #expect(names.filter { $0.hasPrefix("routing") } ==
                ["routing-experts.svg", "routing-by-layer-experts.svg", "routing-top-2.svg", "routing-by-layer-top-2.svg"])
            #expect(names.contains("confusion.svg"))
            #expect(try figure(out, "routing-by-layer-experts").contains(">80<") && figure(out, "routing-by-layer-top-2").contains(">60<"))
        }

        @Test("two logs share a diagram per stage, each with its name")
        func twoLogsShareADiagram() async throws {
            let out = program.folder.appending("plots")
            let logs = [try log("with-meta.jsonl", more: [router[0]]), try log("without.jsonl", shift: 0.3, more: [router[0]])]
            try await program.succeed(["plot", "--out", out] + logs)
            let loss = try figure(out, "loss")
            #expect(loss.contains(">with-meta<") && loss.contains(">without<"))
            #expect(loss.components(separatedBy: "Loss: instruct").count == 2)
            #expect(try figure(out, "confusion-with-meta").contains("with-meta: 193") && figure(out, "confusion-without").contains("without: 193"))
        }

        @Test("broken lines are named and passed over, a torn end is no fault, and what is no log is refused")
        func brokenLinesAreNamed() async throws {
            let out = program.folder.appending("plots")
            let path = try log("torn.jsonl", more: ["{\"kind\":\"dream\"}", "oops", String(router[0].dropLast(5))])
            var text = try String(contentsOfFile: path, encoding: .utf8)
            text.removeLast()
            try Data(text.utf8).write(to: URL(filePath: path))
            let outcome = try await program.succeed(["plot", "--out", out, path])
            for part in ["torn.jsonl, line 401: the kind 'dream'", "torn.jsonl, line 402: it is not JSON", "torn.jsonl: the last line is cut off"] {
                #expect(outcome.errors.contains(part), "\(part) is not in \(outcome.errors)")
            }
            #expect(!outcome.errors.contains("line 403"))
            let noise = try program.folder.write("noise.txt", String(repeating: "noise\n", count: 50))
            let refused = try await program.run(["plot", "--out", out, noise])
            expectRefusal(refused, naming: "noise.txt")
            #expect(refused.errors.split(separator: "\n").count < 15)
            expectRefusal(try await program.run(["plot", "--out", out, "/nonexistent/log.jsonl"]), naming: "/nonexistent/log.jsonl")
            expectRefusal(try await program.run(["plot", "--out", "/proc/nowhere", path]), naming: "/proc/nowhere")
        }

        @Test("a loss that became no number leaves a gap, and a log of nothing else is refused")
        func lossesThatAreNoNumbers() async throws {
            let out = program.folder.appending("plots")
            let bad = #"{"kind":"step","stage":"late","step":1,"loss":"NaN"}"#
            try await program.succeed(["plot", "--out", out, try log("nan.jsonl", more: [bad])])
            #expect(try !figure(out, "loss").contains("Loss: late"))
            let only = try program.folder.write("only.jsonl", bad + "\n")
            expectRefusal(try await program.run(["plot", "--out", out, only]), naming: "nothing to draw")
        }
    }
}
