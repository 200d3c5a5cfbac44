import Checkpoints
import Foundation
import LearningSupport
import Tensors
import Testing

@testable import Training

/// The loop around steps whose trainers get lost.
struct LostTrainerTests {
    private let folder = ScratchFolder()

    private var work: WorkFolder { WorkFolder(path: folder.path + "/OUT.steps", origin: "model and data") }

    /// 30 updates of two numbers here, and none elsewhere, on a fleet that fares as told.
    private func run(_ fleet: ScriptedFleet, checkpointEvery: Int = 4) async throws -> (values: [Float], record: UpdateRecord) {
        var settings = StageSettings(.router)
        (settings.epochs, settings.checkpointEvery, settings.rate, settings.optimiser.decay) = (3, checkpointEvery, 0.1, 0.01)
        let learner = ScriptedLearner(model: folder.model)
        learner.remoteExperts = RemoteCourse(
            fleet: fleet, course: ExpertCourse(shape: FeedForwardShape(.gated, hidden: 1, inner: 1), experts: [], optimiser: settings.optimiser),
            source: MemoryTensors([:]))
        let record = UpdateRecord()
        try await StageLoop(settings: settings, learner: learner, work: work, observer: record, context: TrainingContext(threads: 1)).run()
        return (learner.values, record)
    }

    @Test("whatever is being done when a trainer is lost, the numbers of this process go back, too", arguments: [4, 0], ScriptedFleet.Moment.allCases)
    func everythingGoesBack(checkpointEvery: Int, moment: ScriptedFleet.Moment) async throws {
        let undisturbed = try await run(ScriptedFleet(), checkpointEvery: checkpointEvery)
        try FileManager.default.removeItem(atPath: work.path)
        let fleet = ScriptedFleet(lostAt: moment, after: 10)
        let (values, record) = try await run(fleet, checkpointEvery: checkpointEvery)
        #expect(values == undisturbed.values)
        // Without checkpoints on the way there is the one of the beginning.
        #expect(fleet.beginnings == (moment == .begin ? [0, 0] : [0, checkpointEvery == 0 ? 0 : 8]))
        #expect(Set(record.updates.map(\.update)) == Set(1...30))
    }

    @Test("trainers that are lost again and again end the run, with the last checkpoint and what to do")
    func endlessLossesEndTheRun() async throws {
        let fleet = ScriptedFleet(lostAt: .update, after: 10, isForEver: true)
        let error = await #expect(throws: TrainingError.self) { _ = try await run(fleet) }
        for part in ["trainer 'scripted' is lost", "update-0000008 is intact", "the same command goes on from it"] {
            #expect(error?.description.contains(part) == true, "\(String(describing: error))")
        }
        #expect(fleet.beginnings.count == StageLoop.mostLostTrainers)
    }

    @Test("when the checkpoints are gone, too, nothing is learnt on from what is left in memory")
    func lostCheckpointsEndTheRun() async throws {
        let fleet = ScriptedFleet(lostAt: .update, after: 10)
        fleet.onLoss = { [work] in try? FileManager.default.removeItem(atPath: work.path) }
        let error = await #expect(throws: TrainingError.self) { _ = try await run(fleet) }
        #expect(error?.description.contains("the checkpoints in \(work.path) are gone, too") == true, "\(String(describing: error))")
    }

    @Test("what else a fleet has to say is told with the last checkpoint")
    func otherFailuresAreTold() async throws {
        struct Odd: Error, CustomStringConvertible { let description = "the fleet is tired" }
        let error = await #expect(throws: TrainingError.self) { _ = try await run(ScriptedFleet(lostAt: .norm, after: 6, with: Odd())) }
        for part in ["the fleet is tired", "update-0000004 is intact"] {
            #expect(error?.description.contains(part) == true, "\(String(describing: error))")
        }
    }
}

/// A fleet without experts that fails once, or for ever, at a moment.
final class ScriptedFleet: ExpertFleet {
    enum Moment: CaseIterable {
        case begin, norm, update
    }

    /// Updates after which it began.
    private(set) var beginnings: [Int] = []
    var onLoss: () -> Void = {}
    private var fatal: Moment?
    private let after: Int
    private let isForEver: Bool
    private let failure: any Error
    private var updates = 0

    init(
        lostAt fatal: Moment? = nil, after: Int = 0, isForEver: Bool = false,
        with failure: any Error = TrainerLost(name: "scripted", reason: "as told")
    ) {
        (self.fatal, self.after, self.isForEver, self.failure) = (fatal, after, isForEver, failure)
    }

    private func reach(_ moment: Moment) throws {
        guard moment == fatal, moment == .begin || updates >= after else { return }
        if !isForEver { fatal = nil }
        onLoss()
        throw failure
    }

    func begin(
        _ course: ExpertCourse, steps: Int, state: (String, LearningState) throws -> Tensor?, isolation: isolated (any Actor)?
    ) async throws -> [TrainerShare] {
        beginnings.append(steps)
        updates = steps
        try reach(.begin)
        return []
    }

    func submitNorm() throws { try reach(.norm) }
    func squaredGradients(isolation: isolated (any Actor)?) async throws -> [Double] { [] }
    func submitUpdate(rate: Float, scale: Float) throws {}

    func updated(isolation: isolated (any Actor)?) async throws {
        // After this process has changed its own numbers.
        try reach(.update)
        updates += 1
    }

    func copy(_ place: ExpertTensor, _ state: LearningState) throws -> Tensor { throw TrainingError.internalState("there are no experts") }
    func traffic(isolation: isolated (any Actor)?) async -> FleetTraffic { FleetTraffic() }
    func submitForward(layer: Int, _ batches: [ExpertRows], keeps: Bool) throws {}
    func outputs(layer: Int, isolation: isolated (any Actor)?) async throws -> [Rows] { [] }
    func submitBackward(layer: Int, _ gradients: [ExpertRows], needsInput: Bool) throws {}
    func gradients(layer: Int, isolation: isolated (any Actor)?) async throws -> [ExpertGradient] { [] }
}
