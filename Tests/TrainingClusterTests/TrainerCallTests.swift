import Testing
import Wire

@testable import TrainingCluster

@Suite struct TrainerCallTests {
    private func encodes(_ call: TrainerCall, session: UInt64, number: UInt64, acknowledged: UInt64) -> Bool {
        let numbered = NumberedCall(session: session, number: number, acknowledged: acknowledged, call: call)
        return (try? MessageToTrainer.call(numbered).encoded()) != nil
    }

    @Test func whatPassesTheCheckCanBeSentWhereverItStands() throws {
        // Around the most segments that an envelope has room for, 7 bytes each.
        var (sendable, refused) = (0, 0)
        for count in 9_330..<9_390 {
            let rows = try tensor([count, 1]) { _ in 0 }
            let call = TrainerCall.forward(
                ExpertPass(step: .max, layer: 1, segments: (0..<count).map { .init(expert: $0, rows: 1) }, rows: rows))
            if (try? call.check()) != nil {
                sendable += 1
                #expect(encodes(call, session: .max, number: .max, acknowledged: .max - 1))
            } else {
                refused += 1
                #expect(!encodes(call, session: .max, number: .max, acknowledged: .max - 1))
            }
        }
        #expect(sendable > 0 && refused > 0)
    }

    @Test func anOpenThatHasNoStepsToCountIsNotRead() throws {
        func reads(_ steps: UInt64) throws -> Bool {
            let call = MessageToTrainer.call(NumberedCall(session: 1, number: 1, acknowledged: 0, call: opening(steps)))
            return (try? MessageToTrainer(decoding: call.encoded())) != nil
        }
        #expect(try reads(1 << 40))
        #expect(try !reads(1 << 40 + 1))
        #expect(try !reads(.max))
    }

    @Test func theLargestTensorOfANetworkIsAWeightAndNeverMoreThanAMessage() {
        var opened = OpenedExperts(
            network: .twoLayers, hidden: 5, inner: 7, experts: [somePlace], beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0, steps: 0)
        #expect(opened.largestTensorBytes == 5 * 7 * 4)
        (opened.hidden, opened.inner) = (.max, .max)
        #expect(opened.largestTensorBytes == 512 << 20)
    }
}
