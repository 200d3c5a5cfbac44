import Checkpoints
import Foundation
import LearningSupport
import ModelFixtures
import Synchronization
import Tensors
import Testing

@testable import Training

/// The loop around all steps: checkpoints, going on, and stopping for good reasons.
struct StageLoopTests {
    private let folder = ScratchFolder()

    private var work: WorkFolder { WorkFolder(path: folder.path + "/OUT.steps", origin: "model and data") }

    private func settings(_ change: (inout StageSettings) -> Void = { _ in }) -> StageSettings {
        var settings = StageSettings(.router)
        (settings.epochs, settings.checkpointEvery, settings.rate, settings.optimiser.decay) = (3, 4, 0.1, 0.01)
        change(&settings)
        return settings
    }

    private func run(_ learner: ScriptedLearner, _ observer: UpdateRecord = UpdateRecord(), settings: StageSettings? = nil) async throws {
        try await StageLoop(
            settings: settings ?? self.settings(), learner: learner, work: work, observer: observer, context: TrainingContext(threads: 1)
        ).run()
    }

    private var steps: [String] { folder.names(in: "OUT.steps") }

    @Test("who was stopped anywhere goes on with the updates, rates and weights of one that never was", arguments: [4, 5, 11, 13, 29])
    func goesOnAsIfNeverStopped(stop: Int) async throws {
        let undisturbed = ScriptedLearner(model: folder.model)
        let whole = UpdateRecord()
        try await StageLoop(
            settings: settings(), learner: undisturbed, work: WorkFolder(path: folder.path + "/other", origin: ""), observer: whole,
            context: TrainingContext(threads: 1)
        ).run()
        #expect(whole.updates.map(\.update) == Array(1...30))
        let first = UpdateRecord()
        await #expect(throws: ScriptedLearner.Killed.self) { try await run(ScriptedLearner(model: folder.model, killedAt: stop), first) }
        let second = UpdateRecord()
        let learner = ScriptedLearner(model: folder.model)
        try await run(learner, second)
        let kept = stop / 4 * 4
        #expect(second.resumedAfter == kept && second.updates.first?.update == kept + 1)
        let joined = first.updates.prefix(kept) + second.updates
        #expect(joined.map(\.loss) == whole.updates.map(\.loss) && joined.map(\.rate) == whole.updates.map(\.rate))
        #expect(learner.values == undisturbed.values)
    }

    @Test("the last two checkpoints are kept, each complete")
    func lastTwoAreKept() async throws {
        let observer = UpdateRecord()
        try await run(ScriptedLearner(model: folder.model), observer)
        #expect(observer.saved == [4, 8, 12, 16, 20, 24, 28])
        #expect(steps == ["update-0000024", "update-0000028"])
        for name in steps { _ = try LearnableModel(folder: CheckpointFolder(path: "\(work.path)/\(name)")) }
    }

    @Test("a checkpoint that was not finished is passed over, and written anew")
    func tornCheckpointsArePassedOver() async throws {
        await #expect(throws: ScriptedLearner.Killed.self) { try await run(ScriptedLearner(model: folder.model, killedAt: 13)) }
        let torn = "\(work.path)/update-0000012"
        try FileManager.default.removeItem(atPath: torn + "/config.json")
        try FileManager.default.createDirectory(atPath: torn + "/.1234.part", withIntermediateDirectories: true)
        let observer = UpdateRecord()
        try await run(ScriptedLearner(model: folder.model), observer)
        #expect(observer.resumedAfter == 8 && observer.saved.first == 12)
    }

    @Test("a loss or gradient that is no number stops the run, names the last good checkpoint and leaves it intact", arguments: [true, false])
    func numbersThatAreNoneStopTheRun(isLoss: Bool) async throws {
        let learner = ScriptedLearner(model: folder.model, notFiniteAt: 10, isLoss: isLoss)
        let observer = UpdateRecord()
        let error = await #expect(throws: TrainingError.self) { try await run(learner, observer) }
        let text = try #require(error).description
        for part in [isLoss ? "the loss" : "the gradient", "step 11 of router", "\(work.path)/update-0000008", "smaller learning rate"] {
            #expect(text.contains(part), "\(text)")
        }
        #expect(observer.updates.count == 10 && steps == ["update-0000004", "update-0000008"])
        #expect(learner.values.allSatisfy { $0.isFinite })
        _ = try LearnableModel(folder: CheckpointFolder(path: "\(work.path)/update-0000008"))
    }

    @Test("a checkpoint whose very next update is no number is not called good")
    func checkpointsBeforeRuinAreSetAside() async throws {
        let error = await #expect(throws: TrainingError.self) { try await run(ScriptedLearner(model: folder.model, notFiniteAt: 8)) }
        #expect(error?.description.contains("update-0000004") == true && steps == ["suspect-0000008", "update-0000004"])
        let early = await #expect(throws: TrainingError.self) {
            try await run(ScriptedLearner(model: folder.model, notFiniteAt: 4))
        }
        #expect(early?.description.contains("there is no good checkpoint yet") == true)
    }

    @Test("checkpoints of a run with other settings or from other data are refused, with what to do")
    func otherRunsAreRefused() async throws {
        await #expect(throws: ScriptedLearner.Killed.self) { try await run(ScriptedLearner(model: folder.model, killedAt: 6)) }
        let before = steps
        let changed = settings { $0.rate = 0.2 }
        let error = await #expect(throws: TrainingError.self) { try await run(ScriptedLearner(model: folder.model), settings: changed) }
        for part in [work.path, "other settings, data or model", "another --out", "remove the folder"] {
            #expect(error?.description.contains(part) == true, "\(String(describing: error))")
        }
        await #expect(throws: TrainingError.self) {
            try await StageLoop(
                settings: settings(), learner: ScriptedLearner(model: folder.model), work: WorkFolder(path: work.path, origin: "other data"),
                observer: UpdateRecord(), context: TrainingContext(threads: 1)
            ).run()
        }
        #expect(steps == before)
    }

    @Test("what changes no bit may change while a run is stopped: how often it is saved, what is kept for the backward pass")
    func settingsThatDecideNothingMayChange() async throws {
        await #expect(throws: ScriptedLearner.Killed.self) { try await run(ScriptedLearner(model: folder.model, killedAt: 6)) }
        let observer = UpdateRecord()
        try await run(ScriptedLearner(model: folder.model), observer, settings: settings { ($0.checkpointEvery, $0.recomputes) = (7, true) })
        #expect(observer.resumedAfter == 4 && observer.saved == [7, 14, 21, 28])
    }

    @Test("a state file that cannot be read is named, and how to go on from the checkpoint before")
    func damagedStatesAreNamed() async throws {
        await #expect(throws: ScriptedLearner.Killed.self) { try await run(ScriptedLearner(model: folder.model, killedAt: 9)) }
        try Data("{".utf8).write(to: URL(filePath: "\(work.path)/update-0000008/training-state.json"))
        let error = await #expect(throws: TrainingError.self) { try await run(ScriptedLearner(model: folder.model)) }
        #expect(error?.description.contains("update-0000008/training-state.json cannot be read") == true)
        try FileManager.default.removeItem(atPath: "\(work.path)/update-0000008")
        let observer = UpdateRecord()
        try await run(ScriptedLearner(model: folder.model), observer)
        #expect(observer.resumedAfter == 4)
    }

    @Test("who is asked to stop saves first what was learnt")
    func stoppingSaves() async throws {
        let observer = UpdateRecord(cancelsAfter: 6)
        await #expect(throws: CancellationError.self) { try await observer.cancellable { try await run(ScriptedLearner(model: folder.model), observer) } }
        #expect(observer.saved == [4, 6] && steps == ["update-0000004", "update-0000006"])
        let again = UpdateRecord()
        try await run(ScriptedLearner(model: folder.model), again)
        #expect(again.resumedAfter == 6 && again.updates.count == 24)
    }

    @Test("the finished model appears complete; where something else stands, the model and the checkpoints stay")
    func finishedModelsAppearComplete() async throws {
        await #expect(throws: ScriptedLearner.Killed.self) { try await run(ScriptedLearner(model: folder.model, killedAt: 6)) }
        let checkpoint = try PublishedCheckpoint(of: CheckpointFolder(path: folder.model))
        let taken = folder.path + "/taken"
        try FileManager.default.createDirectory(atPath: taken + "/photos", withIntermediateDirectories: true)
        let error = #expect(throws: TrainingError.self) { try work.finish(checkpoint, as: taken) }
        #expect(error?.description.contains(taken) == true && error?.description.contains("update-0000004 is intact") == true)
        #expect(folder.names(in: "taken") == ["photos"] && steps == ["finished", "update-0000004"])
        let out = folder.path + "/OUT"
        try work.finish(checkpoint, as: out)
        _ = try LearnableModel(folder: CheckpointFolder(path: out))
        #expect(!FileManager.default.fileExists(atPath: work.path))
    }

    @Test("a place where no checkpoint can be written is refused by name")
    func impossiblePlacesAreRefused() throws {
        try Data().write(to: URL(filePath: folder.path + "/file"))
        let error = #expect(throws: CheckpointError.self) { try WorkFolder(path: folder.path + "/file/OUT.steps", origin: "").begin() }
        #expect(error?.description.contains("/file/OUT.steps") == true)
    }
}

/// Learns two numbers by a rule that every update changes, and fails where it is told to.
final class ScriptedLearner: StageLearner {
    struct Killed: Error {}

    let parameters = [Parameter(name: "fc1.weight", shape: [1, 2], value: Rows(count: 1, width: 2))]
    let updatesPerEpoch = 10
    var remoteExperts: RemoteCourse?
    private let model: String
    private let killedAt, notFiniteAt: Int?
    private let isLoss: Bool

    /// - Parameters:
    ///   - model: a checkpoint, which it does not change.
    ///   - killedAt: the update, from 0, that does not come to its end.
    init(model: String, killedAt: Int? = nil, notFiniteAt: Int? = nil, isLoss: Bool = true) {
        (self.model, self.killedAt, self.notFiniteAt, self.isLoss) = (model, killedAt, notFiniteAt, isLoss)
        parameters[0].value.buffer.update(repeating: 1)
        parameters[0].setLearns(true)
    }

    var values: [Float] { parameters[0].value.values }

    func learn(update: Int, isolation: isolated (any Actor)?) async throws -> BatchOutcome {
        if update == killedAt { throw Killed() }
        let ruin: Float = update == notFiniteAt ? .nan : 0
        for index in 0..<2 {
            parameters[0].gradient?.pointer[index] = values[index] - Float((update * 7 + index) % 5) + (isLoss ? 0 : ruin)
        }
        return BatchOutcome(loss: Double(values[0] * values[1] + (isLoss ? ruin : 0)), rows: 1)
    }

    func checkpoint() throws -> PublishedCheckpoint { try PublishedCheckpoint(of: CheckpointFolder(path: model)) }
}
