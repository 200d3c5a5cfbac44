import ClusterHarness
import Foundation
import Testing

extension Commands {
    @Suite struct Bench {
        private struct Report: Decodable {
            struct Line: Decodable {
                var batch, lanes: Int
                var tokens_per_second, ratio, of_reading, of_gemm: Double
            }
            var lines: [Line]
            var tokens: Int
            var read_bytes_per_second: Double
            var operations_per_second: Double
        }

        @Test("a batch is measured against one request and against what the machine can do", arguments: [[], ["--workers", "2", "--lanes", "1,2"]])
        func aBatchIsMeasuredAgainstOneRequest(more: [String]) async throws {
            let arguments = ["bench", "batch", "--model", Checkout.bundledModel, "--batch", "1,3", "--tokens", "12", "--repeat", "1"]
            let outcome = try await Program().succeed(arguments + ["--json"] + more)
            let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
            #expect(report.lines.map(\.batch) == (more.isEmpty ? [1, 3] : [1, 3, 1, 3]))
            #expect(report.tokens == 12)
            for line in report.lines {
                #expect(line.tokens_per_second > 0 && line.ratio > 0 && line.of_reading > 0 && line.of_gemm > 0)
                if line.batch == 1 { #expect(line.ratio == 1) }
            }
            #expect(report.read_bytes_per_second > 0 && report.operations_per_second > 0)
        }

        @Test("sizes that cannot be meant are refused", arguments: ["0", "1,1", "x", "1,,2"])
        func sizesThatCannotBeMeantAreRefused(batch: String) async throws {
            let outcome = try await Program().run(["bench", "batch", "--model", "/nonexistent", "--batch", batch])
            expectRefusal(outcome, naming: "--batch", usage: true)
        }

        @Test("answers longer than the context are refused, not cut")
        func answersLongerThanTheContextAreRefused() async throws {
            let outcome = try await Program().run(["bench", "batch", "--model", Checkout.bundledModel, "--tokens", "500"])
            expectRefusal(outcome, naming: "512")
        }

        private struct Learning: Decodable {
            struct Line: Decodable {
                var step: String
                var rows: Int
                var seconds_per_update, operations, of_optimiser, of_gemm: Double
            }
            var lines: [Line]
            var operations_per_second: Double
        }

        @Test("updates are measured against a large product; more learns in instruct than in experts")
        func updatesAreMeasuredAgainstALargeProduct() async throws {
            let arguments = ["bench", "train", "--model", Checkout.bundledModel, "--batch", "3", "--tokens", "20", "--repeat", "2"]
            let outcome = try await Program().succeed(arguments + ["--json"])
            let report = try JSONDecoder().decode(Learning.self, from: Data(outcome.output.utf8))
            #expect(report.lines.map(\.step) == ["instruct", "experts"] && report.operations_per_second > 0)
            for line in report.lines {
                #expect(line.rows == 3 * (64 + 20) && line.seconds_per_update > 0 && line.of_gemm > 0)
                #expect(line.of_optimiser > 0 && line.of_optimiser < 1)
            }
            #expect(report.lines[0].operations > report.lines[1].operations)
            expectRefusal(try await Program().run(arguments.map { $0 == "20" ? "1000" : $0 }), naming: "512")
        }

        private struct Traffic: Decodable {
            struct Line: Decodable {
                var phase: String
                var batch, tokens: Int
                var messages, least_messages, bytes, least_bytes: Double
            }
            var lines: [Line]
            var width, mixture_layers, top_k: Int
        }

        @Test("a token that is decoded alone costs one message and one row there and back for each mixture layer, and little more")
        func aTokenDecodedAloneCostsOneMessageThereAndBack() async throws {
            let outcome = try await Program().succeed([
                "bench", "traffic", "--model", Checkout.bundledModel, "--workers", "2", "--batch", "1,3", "--prompt", "40", "--tokens", "5", "--json",
            ])
            let report = try JSONDecoder().decode(Traffic.self, from: Data(outcome.output.utf8))
            #expect(report.lines.map(\.phase) == ["prefill", "decode", "prefill", "decode"])
            let rows = Double(2 * report.mixture_layers * report.top_k * report.width * 4)
            for line in report.lines {
                #expect(line.tokens == line.batch * (line.phase == "prefill" ? 40 : 4))
                #expect(line.least_bytes == rows)
                #expect(line.bytes > rows && line.bytes < 1.1 * rows, "\(line)")
                #expect(line.messages >= line.least_messages && line.least_messages > 0, "\(line)")
            }
            let alone = try #require(report.lines.first { $0.phase == "decode" && $0.batch == 1 })
            #expect(alone.messages == Double(2 * report.mixture_layers) && alone.least_messages == alone.messages)
        }
    }
}
