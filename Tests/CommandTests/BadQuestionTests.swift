import ClusterHarness
import Foundation
import ModelFixtures
import Testing

extension Commands {
    /// Images and questions that cannot be answered, in one process and at a coordinator that others use.
    @Suite struct BadQuestions {
        private static let good = ["--image", Checkout.chest, "--max-tokens", "16", "What organ system is being imaged?"]

        /// Arguments and what the refusal must say.
        private func questions(_ folder: TemporaryFolder) throws -> [(arguments: [String], reasons: [String])] {
            let images = try BadImages(in: folder).all.map { (["--image", $0.path, "What is it?"], [$0.path, $0.reason]) }
            return images + [
                ([""], ["empty"]),
                (["--image", Checkout.chest, " \n "], ["empty"]),
                ([String(repeating: "why ", count: 3000)], ["512", "shorter"]),
                (["What is in <image>?"], ["<image>", "0 images"]),
                (["--image", Checkout.chest, "--image", Checkout.brain, "Is <image> normal?"], ["1 <image>", "2 images"]),
            ]
        }

        @Test("in one process each is refused in one line that names it")
        func inOneProcessEachIsRefusedInOneLine() async throws {
            let program = try Program()
            for (arguments, reasons) in try questions(program.folder) {
                let outcome = try await program.run(["ask", "--model", Checkout.bundledModel, "--threads", "1"] + arguments)
                expectRefusal(outcome, namingAll: reasons)
            }
        }

        @Test("a coordinator refuses each with the reason and serves the others")
        func aCoordinatorRefusesEachWithTheReasonAndServes() async throws {
            let program = try Program()
            let cluster = try await ClusterUnderTest(program, model: Checkout.bundledModel, .tcp)
            let worker = try cluster.startWorker("all")
            try await cluster.waitUntilCovered(by: 1)
            for (arguments, reasons) in try questions(program.folder) {
                let good = try program.start(cluster.askArguments(Self.good))
                let bad = try program.start(["ask", "--coordinator", cluster.serving] + arguments)
                expectRefusal(try await bad.outcome(within: .seconds(30)), namingAll: reasons)
                #expect(try await good.outcome(within: .seconds(30)).answer().answer == "chest")
            }
            let status = try await cluster.status()
            #expect(status.runningRequests == 0 && status.workers.count == 1)
            #expect(cluster.coordinator.end == nil && worker.end == nil)
        }
    }
}
