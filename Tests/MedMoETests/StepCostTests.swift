import Checkpoints
import Foundation
import Testing

@testable import MedMoE

@Suite struct StepCostTests {
    @Test func aStepReadsWhatItsRowsPassAndNothingElse() throws {
        let path = BatchIndependenceTests.Subject.bundled.checkpoint
        let folder = try CheckpointFolder(path: path)
        let configuration = try ModelConfiguration(contentsOf: URL(filePath: folder.configPath))
        let cost = StepCost(folder: folder, configuration: configuration)
        // By hand, from its config.json: hidden 192, FFN 512, 6 layers of which 3 have 4 experts and a meta expert, vocabulary 4096.
        let (attention, norm, network) = (4 * 192 * 192 + 3 * 192, 2 * 192, 3 * 192 * 512)
        let shared = 6 * attention + 13 * norm + 3 * network + 3 * network + 3 * (4 * 192 + 4) + 4096 * 192
        #expect(cost.sharedWeights == shared)
        #expect(cost.expertWeights == [network, network, network])
        #expect(cost.bytes(rows: 1) == 4 * (shared + 3 * network))
        #expect(cost.bytes(rows: 3) == 4 * (shared + 9 * network))
        #expect(cost.bytes(rows: 16) == 4 * (shared + 12 * network))
        #expect(cost.operations(rows: 16) == 16 * 2 * Double(shared + 3 * network))
    }
}
