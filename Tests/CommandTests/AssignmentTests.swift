import Checkpoints
import Cluster
import ClusterHarness
import Foundation
import MedMoE
import ModelFixtures
import Tensors
import Testing

/// Experts that are loaded and unloaded in this process.
@Suite struct ExpertWorkerTests {
    private let fixture = ModelFixture.stableLM

    private func worker(_ experts: String, folder: String? = nil, reading mode: ReadMode = .mapped) throws -> ExpertWorker {
        try ExpertWorker(
            folder: CheckpointFolder(path: folder ?? fixture.checkpoint.path, reading: mode), experts: experts, engine: .rowKernel, threads: 1)
    }

    /// One row for the first mixture layer.
    private func tile(_ expert: Int, for worker: ExpertWorker) throws -> ExpertTile {
        let width = worker.configuration.hiddenSize
        let storage = Storage.filled(byteCount: width * 4) { bytes in
            for index in 0..<width { bytes.storeBytes(of: Float(index % 7) - 3, toByteOffset: index * 4, as: Float.self) }
        }
        return ExpertTile(
            address: ExpertAddress(layer: try #require(worker.configuration.mixture?.layers.first), expert: expert),
            rows: try Tensor(dtype: .float32, shape: [1, width], storage: storage), factors: [1], metaFactors: nil)
    }

    private func bytes(_ tensor: Tensor) -> [UInt8] { tensor.withUnsafeBytes { Array($0) } }

    @Test(arguments: [ReadMode.mapped, .copied])
    func loadedExpertsComputeAsIfTheyHadAlwaysBeenThere(mode: ReadMode) async throws {
        let changed = try worker("0", reading: mode)
        let reference = try worker("1", reading: mode)
        let before = try bytes(await changed.compute(tile(0, for: changed)))
        let announced = try await changed.load([1], dropping: [0])
        #expect(announced == reference.holdings && changed.holdings == announced)
        // Both compute until the old one is unloaded.
        #expect(try bytes(await changed.compute(tile(0, for: changed))) == before)
        let wanted = try bytes(await reference.compute(tile(1, for: reference)))
        #expect(try bytes(await changed.compute(tile(1, for: changed))) == wanted)
        await changed.unload([0])
        #expect(changed.experts == [1])
        await #expect(throws: DispatchError.self) { try await changed.compute(tile(0, for: changed)) }
        #expect(try bytes(await changed.compute(tile(1, for: changed))) == wanted)
        // What was evicted comes back.
        _ = try await changed.load([0], dropping: [])
        #expect(try bytes(await changed.compute(tile(0, for: changed))) == before)
    }

    @Test func whatCannotBeAssignedIsSaidAndChangesNothing() async throws {
        let count = try #require(try worker("0").configuration.mixture?.expertCount)
        let whole = try worker("0")
        let part = FileManager.default.temporaryDirectory.appending(path: "mm-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: part) }
        try ShardWriter().writeExperts(from: CheckpointFolder(path: fixture.checkpoint.path), experts: [0], to: part)
        let shard = try worker("0", folder: part)
        for (worker, add, drop, words) in [
            (whole, [count], [], ["no expert \(count)", "0 to \(count - 1)"]), (whole, [], [-1], ["no expert -1"]),
            (whole, [], [0], ["no expert any more"]), (whole, [1], [1], ["expert 1 is to be added and dropped"]),
            (shard, [1], [], [part, "does not hold expert 1", "it holds 0"]),
        ] as [(ExpertWorker, Set<Int>, Set<Int>, [String])] {
            let error = await #expect(throws: (any Error).self) { try await worker.load(add, dropping: drop) }
            for word in words { #expect("\(error.map { "\($0)" } ?? "")".contains(word), "\(String(describing: error))") }
            #expect(worker.experts == [0])
        }
    }
}

extension Commands {
    /// What happens while an expert is missing must be possible with the model.
    @Suite struct MissingExperts {
        @Test("meta-only is refused for a model that has no meta expert", arguments: ["coordinator", "ask"])
        func metaOnlyIsRefusedForAModelWithoutMetaExpert(command: String) async throws {
            let program = try Program()
            let variants = ModelFixture.stableLM.folder.deletingLastPathComponent().deletingLastPathComponent().appending(path: "Variants")
            let folder = URL(filePath: program.folder.appending("llava"))
            try FileManager.default.copyItem(at: variants.appending(path: "stablelm-llava"), to: folder)
            try FileManager.default.copyItem(
                at: ModelFixture.stableLM.checkpoint.appending(path: "tokenizer.json"), to: folder.appending(path: "checkpoint/tokenizer.json"))
            let more = command == "ask" ? ["--workers", "1", "Is it?"] : ["--listen", "ipc://\(program.folder.path)/w"]
            let outcome = try await program.run(
                [command, "--model", folder.path + "/checkpoint", "--on-missing-expert", "meta-only"] + more, within: .seconds(20))
            expectRefusal(outcome, naming: "meta-only", "no meta expert", "wait or fail")
        }
    }

    /// Workers that change what they hold.
    @Suite struct Assignments {
        @Test("experts move between two workers under load, and no token changes")
        func expertsMoveBetweenTwoWorkersUnderLoad() async throws {
            let program = try Program()
            let alone = try await program.succeed(["ask", "--json", "--model", LongAnswer.model] + LongAnswer.question).answer()
            let cluster = try await ClusterUnderTest(program, model: LongAnswer.model)
            _ = try cluster.startWorker("a", experts: "0,1")
            _ = try cluster.startWorker("b", experts: "2,3")
            try await cluster.waitUntilCovered(by: 2)
            func assign(_ worker: String, _ more: String...) async throws -> ProgramOutcome {
                try await program.run(["cluster", "assign", "--coordinator", cluster.serving, "--worker", worker] + more, within: .seconds(30))
            }
            let asking = try program.start(cluster.askArguments(["--no-retry"] + LongAnswer.question))
            try await cluster.waitUntil("the answer has begun") { ($0.workers.map(\.tilesDone).min() ?? 0) >= 10 }
            let added = try await assign("b", "--add", "0,1")
            #expect(added.succeeded && added.output.contains("b holds 0 CT, 1 MRI, 2 X-Ray, 3 Pathology"), "\(added)")
            let dropped = try await assign("a", "--add", "x-ray", "--drop", "CT")
            #expect(dropped.succeeded && dropped.output.contains("a holds 1 MRI, 2 X-Ray"), "\(dropped)")
            #expect(asking.end == nil, "the answer was over before: this shows nothing")
            try await cluster.waitUntil("the coordinator knows") { status in
                status.covered && status.workers.map(\.experts) == [[1, 2], [0, 1, 2, 3]]
            }
            let outcome = try await asking.outcome(within: .seconds(60))
            #expect(outcome.succeeded, "\(outcome)")
            #expect(try outcome.answer().token_ids == alone.token_ids)
            expectRefusal(try await assign("a", "--drop", "1,2"), naming: "a", "no expert any more")
            expectRefusal(try await assign("nobody", "--add", "1"), naming: "nobody")
            expectRefusal(try await assign("a", "--add", "Heart"), naming: "Heart", "CT, MRI, X-Ray, Pathology", usage: true)
        }
    }
}
