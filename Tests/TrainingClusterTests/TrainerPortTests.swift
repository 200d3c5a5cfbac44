import Foundation
import Synchronization
import Tensors
import Testing
import Training

@testable import TrainingCluster
@testable import Wire

@Suite struct TrainerPortTests {
    @Test(arguments: [false, true])
    func callsAreCarriedOutInOrderOnOneThreadAndAnswersReachTheirCallers(tcp: Bool) async throws {
        let test = try await TestPort.start(tcp: tcp)
        let records = [FakeBank.Record(), FakeBank.Record()]
        let a = try await test.trainer("a", records[0])
        let b = try await test.trainer("b", records[1])
        let trainers = try await test.trainers(2)
        #expect(trainers.map(\.name) == ["a", "b"])
        try await test.begin(with: trainers)
        // More than one payload frame, and not a round number of them.
        let state = try tensor([5, 70_001]) { Float($0) }
        var answers: [[PendingAnswer]] = [[], []]
        for (index, trainer) in trainers.enumerated() {
            answers[index].append(test.port.call(.load(ExpertState(somePlace, tensor: 0, kind: .value), values: state), of: trainer))
            for step in 1...40 {
                answers[index].append(test.port.call(try passing(UInt64(step), rows: 2, width: 4) { Float($0 + step + index) }, of: trainer))
            }
            answers[index].append(test.port.call(.read(ExpertState(somePlace, tensor: 41, kind: .value)), of: trainer))
        }
        for (index, trainer) in trainers.enumerated() {
            for step in 1...40 {
                let result = try await answers[index][step].result()
                #expect(result.sums == [Double(step)] && numbers(result.numbers) == (0..<8).map { Float($0 + step + index) * 2 })
                #expect(result.computeNanoseconds > 0)
            }
            let read = try await answers[index][41].result()
            #expect(numbers(read.numbers) == numbers(state))
            let failure = await #expect(throws: TrainerFailure.self) {
                try await test.port.call(.update(step: 7, scale: 1, rate: 1), of: trainer).result()
            }
            #expect(failure == TrainerFailure(.compute, "update 7 is broken"))
            #expect(records[index].tags == [0, 0] + Array(1...41) + [7] && records[index].threads == 1)
        }
        let traffic = await test.port.traffic()
        #expect(traffic[.open].there.messages == 2 && traffic[.open].back.messages == 2)
        #expect(traffic[.load].there.numberBytes == UInt64(2 * state.byteCount) && traffic[.load].back.numberBytes == 0)
        #expect(traffic[.forward].there.messages == 80 && traffic[.forward].there.numberBytes == 80 * 32)
        #expect(traffic[.forward].back.messages == 80 && traffic[.forward].back.numberBytes == 80 * 32)
        #expect(traffic[.forward].there.bytes > traffic[.forward].there.numberBytes)
        #expect(traffic[.read].back.numberBytes == UInt64(2 * state.byteCount) && traffic[.update].back.messages == 2)
        #expect(traffic[.other].back.messages >= 2 && traffic[.norm] == TrainerTraffic.Exchange())
        #expect((traffic - traffic).total == TrainerTraffic.Exchange())
        await a.stop()
        await b.stop()
        await test.stop()
        #expect(await test.port.traffic()[.forward] == traffic[.forward])
        #expect(!FileManager.default.fileExists(atPath: test.folder.path))
    }

    @Test func aThreadThatMayBlockWaitsForAnAnswer() async throws {
        let test = try await TestPort.start()
        let gate = ThreadGate()
        let trainer = try await test.trainer("a") { call in if case .norm = call { gate.wait() } }
        let trainers = try await test.trainers(1)
        try await test.begin(with: trainers)
        let answer = test.port.call(.norm(step: 3), of: trainers[0])
        let waited = Pending<TrainerResult>()
        try DedicatedThread.run(name: "learner") { waited.finish(Result { try answer.wait() }) }
        try await eventually("it computes") { gate.arrived == 1 }
        let impatient = Task { try await answer.result() }
        impatient.cancel()
        await #expect(throws: CancellationError.self) { try await impatient.value }
        gate.open()
        #expect(try await waited.value().sums == [3])
        await trainer.stop()
        await test.stop()
    }

    @Test func tooFewTrainersAreAnErrorThatSaysHowToStartSome() async throws {
        let test = try await TestPort.start()
        #expect(try await test.port.trainers(atLeast: 0, until: .now).isEmpty)
        let error = await #expect(throws: TrainerPortError.self) { try await test.port.trainers(atLeast: 2, until: .now + .milliseconds(30)) }
        #expect(error == .tooFew(present: 0, wanted: 2, at: test.port.listening.map(\.description)))
        #expect(error?.description.contains("medmoe trainer --connect ipc://") == true)
        for (wildcard, dialled) in [("0.0.0.0", "HOST"), ("[::]", "HOST"), ("*", "HOST"), ("10.0.0.7", "10.0.0.7"), ("[::1]", "[::1]")] {
            let error = TrainerPortError.tooFew(present: 0, wanted: 1, at: ["tcp://\(wildcard):7080"])
            #expect(error.description.contains("are at tcp://\(wildcard):7080: ") && error.description.contains("--connect tcp://\(dialled):7080`"))
        }
        let waiting = Task { try await test.port.trainers(atLeast: 1, until: .now + .seconds(60)) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        let stopped = Task { try await test.port.trainers(atLeast: 1, until: .now + .seconds(60)) }
        try await Task.sleep(for: .milliseconds(20))
        await test.stop()
        await #expect(throws: CancellationError.self) { try await stopped.value }
        await #expect(throws: CancellationError.self) { try await test.port.begin(with: []) }
    }

    @Test func aTrainerThatDiesEndsTheSessionAndTheOthersDoAnother() async throws {
        let test = try await TestPort.start()
        let gate = ThreadGate()
        let record = FakeBank.Record()
        final class Openings: Sendable { let count = Mutex(0) }
        let openings = Openings()
        let a = try await test.trainer("a", record, before: { call in if case .norm(step: 1) = call { gate.wait() } }) {
            $0.interception = TrainerInterception(received: { message in
                if case .call(let call) = message, call.call.opensSession { openings.count.withLock { $0 += 1 } }
                return [message]
            })
        }
        let b = try await test.trainer("b")
        let trainers = try await test.trainers(2)
        try await test.begin(with: trainers)
        let held = test.port.call(.norm(step: 1), of: trainers[0])
        let waiting = test.port.call(.norm(step: 2), of: trainers[0])
        try await eventually("it computes") { gate.arrived == 1 }
        // Its sockets close without a goodbye, as those of a killed process.
        await b.stop()
        for answer in [held, waiting, test.port.call(.norm(step: 3), of: trainers[1])] {
            let lost = await #expect(throws: TrainerLost.self) { try await answer.result() }
            #expect(lost?.name == "b" && lost?.reason.contains("silent") == true)
        }
        await #expect(throws: TrainerLost.self) { try await test.port.call(.norm(step: 4), of: trainers[0]).result() }
        await #expect(throws: TrainerLost.self) { try await test.port.begin(with: trainers) }
        // Computing for more than three beats loses nobody.
        let left = try await test.trainers(1)
        #expect(left == [trainers[0]])
        try await test.port.begin(with: left)
        let opened = test.port.call(opening(9), of: left[0])
        try await eventually("the trainer is in the new session") { openings.count.withLock { $0 } == 2 }
        gate.open()
        #expect(try await opened.result().sums == [9])
        #expect(try await test.port.call(.norm(step: 5), of: left[0]).result().sums == [5])
        let counters = await a.counters()
        #expect(counters?.dropped == 1)
        // What waited for its turn in the session that is over was never carried out.
        #expect(record.tags == [0, 1, 9, 5])
        await a.stop()
        await test.stop()
    }

    @Test func aTrainerThatLeavesSaysSoAndItsRunEnds() async throws {
        let test = try await TestPort.start()
        let gate = ThreadGate()
        let trainer = try await test.trainer("a") { call in if case .norm = call { gate.wait() } }
        let running = Task { try await trainer.run() }
        let trainers = try await test.trainers(1)
        try await test.begin(with: trainers)
        let answer = test.port.call(.norm(step: 1), of: trainers[0])
        try await eventually("it computes") { gate.arrived == 1 }
        trainer.leave(reason: "told to")
        let lost = await #expect(throws: TrainerLost.self) { try await answer.result() }
        #expect(lost?.reason.contains("told to") == true)
        try await running.value
        gate.open()
        await test.stop()
    }

    @Test func aBadNetworkChangesNothing() async throws {
        // Beats are short, so that what was lost is noticed soon; and nobody is lost by them.
        let test = try await TestPort.start(beat: .milliseconds(40)) { $0.liveness = 200 }
        let record = FakeBank.Record()
        final class Dice: Sendable {
            let random: Mutex<Seeded>
            let lost = Mutex(0)
            init(_ seed: UInt64) { random = Mutex(Seeded(state: seed)) }

            /// How often a message goes through: not at all, once, or three times.
            func roll() -> Int {
                let number = random.withLock { Int.random(in: 0..<10, using: &$0) }
                if number < 3 { lost.withLock { $0 += 1 } }
                return number < 3 ? 0 : number < 6 ? 3 : 1
            }
        }
        let dice = Dice(1)
        let trainer = try await test.trainer("a", record, beat: .milliseconds(40), change: {
            $0.interception = TrainerInterception(
                received: { message in if case .rejected = message { [message] } else { Array(repeating: message, count: dice.roll()) } },
                sending: { message in if case .hello = message { [message] } else { Array(repeating: message, count: dice.roll()) } })
        })
        let trainers = try await test.trainers(1)
        try await test.begin(with: trainers)
        let answers = try (1...60).map { step in
            test.port.call(try passing(UInt64(step), rows: 1, width: 3) { Float($0 * step) }, of: trainers[0])
        }
        for (index, answer) in answers.enumerated() {
            let result = try await answer.result()
            #expect(result.sums == [Double(index + 1)] && numbers(result.numbers) == (0..<3).map { Float($0 * (index + 1)) * 2 })
        }
        #expect(record.tags == Array(0...60))
        #expect(dice.lost.withLock { $0 } > 10)
        let traffic = await test.port.traffic()
        #expect(traffic[.forward].there.messages == 60 && traffic[.forward].back.messages == 60)
        #expect(traffic.repeats.there.messages > 0 && traffic.repeats.back.messages > 0)
        await trainer.stop()
        await test.stop()
    }

    @Test func aCallThatDoesNotFitAMessageFailsAndTheNextOnesGoOn() async throws {
        let test = try await TestPort.start()
        let trainer = try await test.trainer("a")
        let trainers = try await test.trainers(1)
        try await test.begin(with: trainers)
        let wrong = ExpertPass(step: 1, layer: 1, segments: [.init(expert: 0, rows: 3)], rows: try tensor([2, 4]) { _ in 0 })
        let failure = await #expect(throws: TrainerFailure.self) { try await test.port.call(.forward(wrong), of: trainers[0]).result() }
        #expect(failure?.code == .malformed)
        #expect(try await test.port.call(.norm(step: 2), of: trainers[0]).result().sums == [2])
        await trainer.stop()
        await test.stop()
    }

    @Test func whoComesFromAnotherReleaseIsToldSo() async throws {
        let test = try await TestPort.start()
        let socket = try ZMQSocket(ZMQContext(), .dealer(.worker(.random())), maximumFrame: 1 << 20)
        try socket.connect(test.port.listening[0])
        _ = socket.send(Multipart(frames: [try Frame(ProtocolHeader(.trainerHello, version: 99).bytes), try Frame([])]))
        var rejection: Rejection?
        try await eventually("it is refused") {
            if case .message(let message, _, _) = socket.receive(mostFrames: 8, mostBytes: 1 << 20),
                case .rejected(let heard) = try MessageToTrainer(decoding: message)
            {
                rejection = heard
            }
            return rejection != nil
        }
        #expect(rejection?.code == .protocolVersion)
        socket.close()
        await test.stop()
    }

    @Test func aTrainerThatIsRefusedEndsAndSaysWhy() async throws {
        let test = try await TestPort.start()
        let rejection = Rejection(code: .protocolVersion, reason: "use the same release")
        let trainer = try await test.trainer("a", change: { $0.interception = TrainerInterception(received: { _ in [.rejected(rejection)] }) })
        let error = await #expect(throws: TrainerError.self) { try await trainer.run() }
        #expect(error == .rejected(endpoint: test.port.listening[0].description, rejection))
        await test.stop()
    }

    @Test func aTrainerThatCannotComputeDoesNotStart() async throws {
        struct Broken: Error {}
        let test = try await TestPort.start()
        await #expect(throws: Broken.self) {
            try await TrainerEndpoint.start(.init(name: "a", coordinator: test.port.listening[0]), logger: quiet) { throw Broken() }
        }
        await test.stop()
    }

    @Test func trainersOutliveTheirCoordinator() async throws {
        let test = try await TestPort.start()
        let gate = ThreadGate()
        let record = FakeBank.Record()
        let trainer = try await test.trainer("a", record) { call in if case .norm(step: 1) = call { gate.wait() } }
        let before = try await test.trainers(1)
        try await test.begin(with: before)
        let answer = test.port.call(.norm(step: 1), of: before[0])
        try await eventually("it computes") { gate.arrived == 1 && trainer.isComputing }
        await test.port.stop()
        await #expect(throws: CancellationError.self) { try await answer.result() }
        await #expect(throws: CancellationError.self) { try await test.port.call(.norm(step: 2), of: before[0]).result() }
        gate.open()
        try await eventually("what the session held is forgotten, after the call that was carried out") { record.forgotten == [2] }
        let next = TestPort(
            port: try await TrainerPort.start(.init(listen: test.port.listening, beat: .milliseconds(200)), logger: quiet), folder: test.folder)
        let after = try await next.trainers(1)
        #expect(after == before)
        try await next.begin(with: after)
        #expect(try await next.port.call(.norm(step: 3), of: after[0]).result().sums == [3])
        try await eventually("nothing is left to do") { !trainer.isComputing }
        await trainer.stop()
        await next.stop()
    }

    @Test func encryptedLinksCarryCalls() async throws {
        let keys = try Keys()
        let security = (coordinator: try keys.ofCoordinator, trainer: try keys.ofTrainer)
        let test = try await TestPort.start(tcp: true) { $0.security = security.coordinator }
        let trainer = try await test.trainer("a", change: { $0.security = security.trainer })
        let trainers = try await test.trainers(1)
        try await test.begin(with: trainers)
        // Full frames, which encryption makes longer.
        let width = WireLimits.payload / 4
        let result = try await test.port.call(try passing(1, rows: 2, width: width) { Float($0 % 97) }, of: trainers[0]).result()
        #expect(numbers(result.numbers) == (0..<2 * width).map { Float($0 % 97) * 2 })
        await trainer.stop()
        await test.stop()
    }
}
