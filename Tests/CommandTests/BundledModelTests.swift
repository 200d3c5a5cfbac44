import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// The small trained model of this repository on its three images.
    @Suite struct BundledModel {
        static let questions: [(image: String, question: String, answer: String)] = [
            (Checkout.chest, "What organ system is being imaged?", "chest"),
            (Checkout.brain, "What type of MRI is used to acquire this image?", "t2"),
            (Checkout.bowel, "Is there air in the bowel?", "yes"),
        ]

        @Test("answers are right, and the same tokens in process, over local workers and through a coordinator")
        func answersAreRightAndTheSameTokensInProcess() async throws {
            let program = try Program()
            let cluster = try await ClusterUnderTest(program, model: Checkout.bundledModel)
            let workers = try [cluster.startWorker("a", experts: "CT,MRI"), cluster.startWorker("b", experts: "x-ray,3")]
            try await cluster.waitUntilCovered(by: workers.count)
            for (image, question, answer) in Self.questions {
                let request = ["--image", image, "--max-tokens", "16", question]
                let local = try await program.succeed(["ask", "--json", "--model", Checkout.bundledModel] + request).answer()
                #expect(local.answer == answer)
                #expect(local.finish == "end")
                let fleet = try await program.succeed(
                    ["ask", "--json", "--model", Checkout.bundledModel, "--workers", "2"] + request
                ).answer()
                let remote = try await program.succeed(cluster.askArguments(request)).answer()
                for other in [fleet, remote] {
                    #expect(other.token_ids == local.token_ids)
                    #expect(other.answer == answer)
                    #expect(other.model_digest == local.model_digest)
                    #expect(other.prompt_tokens == local.prompt_tokens)
                }
                #expect(Set(remote.routing?.map(\.worker) ?? []) == ["a", "b"])
                // What streams is the same text.
                let text = try await program.succeed(["ask", "--coordinator", cluster.serving] + request)
                #expect(text.output == answer + "\n")
            }
            let status = try await program.succeed(["status", "--coordinator", cluster.serving])
            #expect(status.output.contains("requests: 0 running, 0 waiting"))
            #expect(!status.output.contains("NOT COVERED"))
        }

        @Test("the routing table names layers, domains and workers")
        func theRoutingTableNamesLayersDomainsAndWorkers() async throws {
            let outcome = try await Program().succeed([
                "ask", "--model", Checkout.bundledModel, "--workers", "2", "--show-routing", "--image", Checkout.chest, "--max-tokens", "4",
                "What organ system is being imaged?",
            ])
            #expect(outcome.output == "chest\n")
            for word in ["layer", "0 CT", "1 MRI", "2 X-Ray", "3 Pathology", "worker-0", "worker-1", "%"] {
                #expect(outcome.errors.contains(word), "\(outcome)")
            }
        }

        @Test("a forced kernel choice in the environment changes nothing")
        func aForcedKernelChoiceInTheEnvironmentChangesNothing() async throws {
            let arguments = ["ask", "--json", "--model", Checkout.bundledModel, "--image", Checkout.chest, "What organ system is being imaged?"]
            let forced = try Program(["OPENBLAS_CORETYPE": "PRESCOTT", "OMP_WAIT_POLICY": "active"])
            let answer = try await forced.succeed(arguments).answer()
            #expect(answer.answer == "chest")
        }

        @Test("label probabilities sum to one, and per token they come from mean scores")
        func labelProbabilitiesSumToOneAndPerTokenThey() async throws {
            let program = try Program()
            let arguments = [
                "classify", "--json", "--model", Checkout.bundledModel, "--image", Checkout.chest, "--question",
                "What organ system is being imaged?", "--labels", "chest, cardiovascular system, brain",
            ]
            let whole = try await program.succeed(arguments).answer()
            let perToken = try await program.succeed(arguments + ["--per-token"]).answer()
            let labels = try #require(whole.labels)
            let perTokenLabels = try #require(perToken.labels)
            #expect(labels.map(\.label) == ["chest", "cardiovascular system", "brain"])
            #expect(whole.answer == "chest")
            #expect(labels.map(\.log_probability) == perTokenLabels.map(\.log_probability))
            #expect(Set(labels.map(\.tokens)).count > 1, "labels of one length would show no difference")
            expect(labels.map(\.probability), softmaxOf: labels.map(\.log_probability))
            expect(perTokenLabels.map(\.probability), softmaxOf: labels.map { $0.log_probability / Double($0.tokens) })
            #expect(labels.map(\.probability) != perTokenLabels.map(\.probability))
            let table = try await program.succeed(arguments.filter { $0 != "--json" })
            #expect(table.outputLines.count == 4 && table.outputLines[1].hasPrefix("chest"), "\(table)")
        }

        private func expect(_ probabilities: [Double], softmaxOf scores: [Double]) {
            let sum = scores.reduce(0) { $0 + exp($1) }
            #expect(abs(probabilities.reduce(0, +) - 1) < 1e-9)
            for (probability, score) in zip(probabilities, scores) { #expect(abs(probability - exp(score) / sum) < 1e-9) }
        }

        @Test("a seed draws the same answer again, another seed another one")
        func aSeedDrawsTheSameAnswerAgainAnotherSeed() async throws {
            let program = try Program()
            func draw(_ seed: Int) async throws -> [Int]? {
                try await program.succeed([
                    "ask", "--json", "--model", Checkout.bundledModel, "--temperature", "3", "--top-p", "0.99", "--top-k", "500",
                    "--seed", "\(seed)", "--max-tokens", "12", "--image", Checkout.chest, "What organ system is being imaged?",
                ]).answer().token_ids
            }
            let first = try await draw(7)
            #expect(try await draw(7) == first)
            #expect(try await draw(8) != first)
        }

        @Test("a stop string ends an answer and is not part of it")
        func aStopStringEndsAnAnswerAndIsNot() async throws {
            let program = try Program()
            let arguments = [
                "ask", "--model", Checkout.bundledModel, "--image", Checkout.chest, "--stop", "effus", "What abnormality is seen?",
            ]
            let answer = try await program.succeed(arguments + ["--json"]).answer()
            #expect(answer.answer?.trimmingCharacters(in: .whitespaces) == "bilateral pleural")
            #expect(answer.finish == "stop")
            let text = try await program.succeed(arguments)
            // What was streamed cannot be taken back: a blank before the stop string may be there.
            #expect(text.output.trimmingCharacters(in: .whitespacesAndNewlines) == "bilateral pleural")
        }
    }
}
