import Foundation
import LearningSupport
import Logging
import ModelFixtures
import Synchronization
import Testing
import TrainingCluster
import Wire

@testable import Training

/// The experts step of a small model on trainers, beside the same step in one process.
struct FleetLearningTests {
    private let folder = ScratchFolder()

    private func entries() -> String {
        let labels = ["CT", "MRI", "X-Ray", "Pathology"]
        let entries = (0..<12).map { number in
            """
            {"id": "\(number)", "image": "\(FixtureImages.paths[number % 6])", "modality": "\(labels[number % 4])", "conversations": [
             {"from": "human", "value": "<image>\\nWhat is finding \(number % 5)?"}, {"from": "gpt", "value": "answer \(number % 7)"}]}
            """
        }
        return "[\(entries.joined(separator: ",\n"))]"
    }

    /// 36 updates, a checkpoint every eighth.
    private func job(out: String, _ change: (inout StageJob) -> Void = { _ in }) throws -> StageJob {
        let model = folder.path + "/dense"
        if !FileManager.default.fileExists(atPath: model) {
            let shape = ModelShape(
                image: 28, patch: 14, tower: .init(width: 16, layers: 2, heads: 2),
                backbone: .init(width: 16, inner: 24, layers: 3, heads: 2, context: 256))
            try NewModel.write(shape, tokenizer: ModelFixture.stableLM.checkpoint.path, seed: 1, to: model)
        }
        var settings = StageSettings(.experts)
        (settings.epochs, settings.batch, settings.checkpointEvery, settings.rate, settings.seed) = (12, 4, 8, 1e-3, 3)
        (settings.optimiser.decay, settings.microBatch) = (0.05, 3)
        var job = StageJob(
            settings, model: model, data: [try folder.write("data.json", entries())], images: FixtureImages.folder.path,
            out: folder.path + "/" + out)
        job.withoutRouter = true
        change(&job)
        return job
    }

    /// Everything that a finished model consists of.
    private func differences(_ one: String, _ other: String) -> [String] {
        let names = folder.names(in: one).filter { !$0.hasPrefix(".") && $0 != "clip" } + ["clip/model.safetensors"]
        return names.filter { !FileManager.default.contentsEqual(atPath: "\(folder.path)/\(one)/\($0)", andPath: "\(folder.path)/\(other)/\($0)") }
    }

    @Test(
        "experts on trainers end with the losses and the bits of experts in one process",
        arguments: [(1, 1, true), (2, 1, true), (2, 2, false), (4, 2, true), (6, 1, false)])
    func trainersGiveTheSameBits(trainers: Int, topK: Int, hasMeta: Bool) async throws {
        let change: (inout StageJob) -> Void = { ($0.shape.topK, $0.shape.hasMeta) = (topK, hasMeta) }
        let alone = UpdateRecord()
        _ = try await StageRunner().run(job(out: "alone", change), observer: alone)
        let together = UpdateRecord()
        let fleet = try await TestFleet(trainers)
        let result = try await StageRunner().run(job(out: "together", change), observer: together, fleet: fleet.make)
        #expect(together.updates.map(\.loss) == alone.updates.map(\.loss) && together.updates.count == 36)
        #expect(together.updates.map(\.gradientNorm) == alone.updates.map(\.gradientNorm))
        #expect(differences("alone", "together") == [])
        let traffic = try #require(result.traffic)
        #expect(traffic.rows > 0 && traffic.bytes >= traffic.leastBytes && traffic.stateBytes > 0)
        await fleet.stop()
    }

    @Test("recomputed activations and a projector that learns make no difference between trainers and one process")
    func otherPathsGiveTheSameBits() async throws {
        let change: (inout StageJob) -> Void = {
            ($0.settings.recomputes, $0.settings.freezesProjector, $0.settings.epochs) = (true, false, 3)
        }
        _ = try await StageRunner().run(job(out: "alone", change), observer: UpdateRecord())
        let fleet = try await TestFleet(2)
        _ = try await StageRunner().run(job(out: "together", change), observer: UpdateRecord(), fleet: fleet.make)
        #expect(differences("alone", "together") == [])
        await fleet.stop()
    }

    @Test("a trainer that is lost takes everybody back to the last checkpoint; those that are left, or a new one, end with the same bits", arguments: [3, 8, 21, 36], [false, true])
    func lostTrainersChangeNothing(update: Int, isReplaced: Bool) async throws {
        _ = try await StageRunner().run(job(out: "alone"), observer: UpdateRecord())
        let fleet = try await TestFleet(isReplaced ? 3 : 2, sharing: 2)
        let record = FleetRecord()
        record.onUpdate = { [fleet] made in if made == update { fleet.lose(at: 0) } }
        _ = try await StageRunner().run(job(out: "together"), observer: record, fleet: fleet.make)
        // The checkpoint of the very update after which it is lost cannot be written without it.
        #expect(record.rolledBackTo == [(update - 1) / 8 * 8])
        #expect(record.shares.count == 2 && record.shares.last?.count == (isReplaced ? 2 : 1))
        #expect(differences("alone", "together") == [])
        await fleet.stop()
    }

    @Test("messages that get lost and messages that come twice change nothing")
    func lossyLinksChangeNothing() async throws {
        _ = try await StageRunner().run(job(out: "alone") { $0.settings.epochs = 4 }, observer: UpdateRecord())
        let fleet = try await TestFleet(2, isLossy: true)
        _ = try await StageRunner().run(job(out: "together") { $0.settings.epochs = 4 }, observer: UpdateRecord(), fleet: fleet.make)
        #expect(differences("alone", "together") == [])
        let repeats = await fleet.repeats
        #expect(repeats.there.messages > 0 && repeats.back.messages > 0, "\(repeats)")
        await fleet.stop()
    }

    @Test("who was stopped goes on with other trainers, and ends with the same bits")
    func stoppedRunsGoOnWithOtherTrainers() async throws {
        _ = try await StageRunner().run(job(out: "alone"), observer: UpdateRecord())
        let first = UpdateRecord(cancelsAfter: 13)
        let two = try await TestFleet(2)
        let job = try job(out: "together")
        await #expect(throws: CancellationError.self) {
            try await first.cancellable { _ = try await StageRunner().run(job, observer: first, fleet: two.make) }
        }
        await two.stop()
        let three = try await TestFleet(3)
        let second = UpdateRecord()
        _ = try await StageRunner().run(job, observer: second, fleet: three.make)
        #expect(second.resumedAfter == 13 && second.updates.count == 23)
        #expect(differences("alone", "together") == [])
        await three.stop()
    }

    @Test("experts that do not fit a trainer's memory are refused with what to do")
    func memoryIsNamed() async throws {
        let fleet = try await TestFleet(2, memoryLimit: 1000)
        let error = await #expect(throws: TrainingError.self) {
            _ = try await StageRunner().run(job(out: "together"), observer: UpdateRecord(), fleet: fleet.make)
        }
        #expect(error?.description.contains("start more trainers, or larger ones") == true, "\(String(describing: error))")
        await fleet.stop()
        // Room for the experts and their optimiser, not for rows.
        let narrow = try await TestFleet(2, memoryLimit: 75_000)
        let other = await #expect(throws: TrainingError.self) {
            _ = try await StageRunner().run(job(out: "together"), observer: UpdateRecord(), fleet: narrow.make)
        }
        #expect(other?.description.contains("a smaller --micro-batch") == true, "\(String(describing: other))")
        await narrow.stop()
    }

    @Test("too few trainers are named with how to start more")
    func tooFewTrainersAreNamed() async throws {
        let fleet = try await TestFleet(1, sharing: 2, atStart: .milliseconds(300))
        let error = await #expect(throws: TrainingError.self) {
            _ = try await StageRunner().run(job(out: "together"), observer: UpdateRecord(), fleet: fleet.make)
        }
        for part in ["1 of 2 trainers", "medmoe trainer --connect"] {
            #expect(error?.description.contains(part) == true, "\(String(describing: error))")
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/together"))
        await fleet.stop()
    }
}

/// A port and trainers in this process.
final class TestFleet: Sendable {
    private let port: TrainerPort
    private let trainers: [TrainerEndpoint]
    private let place: PrivateFolder
    private let patience: RemoteExperts.Patience

    /// - Parameters:
    ///   - sharing: how many of them share the experts; the others are spare. Nil for all.
    ///   - isLossy: every seventh message of a trainer or to it gets lost, every fifth comes twice.
    init(_ count: Int, sharing: Int? = nil, isLossy: Bool = false, memoryLimit: Int? = nil, atStart: Duration = .seconds(20)) async throws {
        var logger = Logger(label: "fleet")
        logger.logLevel = .critical
        place = try PrivateFolder.standard().makeTemporary(prefix: "fleet")
        port = try await TrainerPort.start(
            TrainerPort.Configuration(listen: [try place.endpoint("trainers")], beat: .milliseconds(100)), logger: logger)
        patience = RemoteExperts.Patience(trainers: sharing ?? count, atStart: atStart, afterLoss: .milliseconds(500))
        var trainers: [TrainerEndpoint] = []
        for number in 0..<count {
            var configuration = TrainerEndpoint.Configuration(name: "trainer-\(number)", coordinator: port.listening[0], beat: .milliseconds(100))
            if isLossy { configuration.interception = Self.loss(seed: number) }
            trainers.append(
                try await TrainerEndpoint.start(configuration, logger: logger) { TrainerBank(threads: 1, memoryLimit: memoryLimit) })
            // In the order of their numbers.
            _ = try await port.trainers(atLeast: number + 1, until: .now + .seconds(20))
        }
        self.trainers = trainers
    }

    /// What had to be sent again.
    var repeats: TrainerTraffic.Exchange { get async { await port.traffic().repeats } }

    var make: @Sendable () -> any ExpertFleet { { [port, patience] in RemoteExperts(port, patience) } }

    /// Ends a trainer without a word, and returns when it is gone.
    func lose(at index: Int) {
        let gone = DispatchSemaphore(value: 0)
        Task {
            await trainers[index].stop()
            gone.signal()
        }
        gone.wait()
    }

    func stop() async {
        await port.stop()
        for trainer in trainers { await trainer.stop() }
        place.removeWithSockets()
    }

    private static func loss(seed: Int) -> TrainerInterception {
        let count = Mutex(seed)
        @Sendable func fate() -> Int {
            count.withLock { count in
                count += 1
                return count % 7 == 0 ? 0 : count % 5 == 0 ? 2 : 1
            }
        }
        return TrainerInterception(
            received: { message in Array(repeating: message, count: fate()) }, sending: { message in Array(repeating: message, count: fate()) })
    }
}

/// Writes down how a fleet fared.
final class FleetRecord: TrainingObserver {
    private struct State {
        var rolledBackTo: [Int] = []
        var shares: [[TrainerShare]] = []
        var onUpdate: (@Sendable (Int) -> Void)?
        var furthest = 0
    }

    private let state = Mutex(State())

    var rolledBackTo: [Int] { state.withLock { $0.rolledBackTo } }
    var shares: [[TrainerShare]] { state.withLock { $0.shares } }
    /// Called once for each update that was not made before.
    var onUpdate: (@Sendable (Int) -> Void)? {
        get { state.withLock { $0.onUpdate } }
        set { state.withLock { $0.onUpdate = newValue } }
    }

    func updated(_ report: StepReport) {
        let call = state.withLock { state -> (@Sendable (Int) -> Void)? in
            guard report.update > state.furthest else { return nil }
            state.furthest = report.update
            return state.onUpdate
        }
        call?(report.update)
    }

    func rolledBack(after lost: TrainerLost, to update: Int) { state.withLock { $0.rolledBackTo.append(update) } }
    func shared(_ shares: [TrainerShare]) { state.withLock { $0.shares.append(shares) } }
    func saved(update: Int, path: String) {}
    func resumed(update: Int, path: String) {}
    func prepared(_ what: String, done: Int, total: Int) {}
    func skipped(_ counts: [(kind: String, count: Int)]) {}
}
