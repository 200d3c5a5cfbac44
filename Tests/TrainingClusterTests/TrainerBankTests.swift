import Tensors
import Testing
import Wire

@testable import TrainingCluster

@Suite struct TrainerBankTests {
    /// Two layers with an expert each, which take 3072 bytes with their optimiser's state. A row takes 192 bytes while it is computed, and 96
    /// until its gradient comes.
    private func bank(room: Int) throws -> TrainerBank {
        let bank = TrainerBank(threads: 1, memoryLimit: 3072 + room)
        _ = try bank.carryOut(
            .open(
                OpenedExperts(
                    network: .gated, hidden: 4, inner: 8, experts: [ExpertPlace(layer: 1, expert: 0), ExpertPlace(layer: 3, expert: 0)],
                    beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.01, steps: 0)))
        return bank
    }

    private func pass(_ layer: Int, rows: Int, step: UInt64 = 0) throws -> ExpertPass {
        ExpertPass(
            step: step, layer: layer, segments: rows == 0 ? [] : [.init(expert: 0, rows: rows)],
            rows: try tensor([rows, 4]) { Float($0 % 3) })
    }

    /// What a trainer says to a call that it cannot carry out.
    private func failure(_ bank: TrainerBank, _ call: TrainerCall) -> TrainerFailure? {
        do {
            _ = try bank.carryOut(call)
            return nil
        } catch {
            return error
        }
    }

    @Test func passesOfAllLayersShareTheRoom() throws {
        // For ten rows that are computed, and four that wait.
        let bank = try bank(room: 10 * 192 + 4 * 96)
        #expect(try bank.carryOut(.forward(pass(1, rows: 10))).numbers?.elementCount == 40)
        let refused = try failure(bank, .forward(pass(3, rows: 10)))
        #expect(refused?.code == .memory)
        for part in ["10 rows of layer 3", "10 rows of other layers", "learn with a smaller --micro-batch, with --recompute, or on more trainers"] {
            #expect(refused?.reason.contains(part) == true, "\(String(describing: refused))")
        }
        // The same layer again takes the place of its pass.
        #expect(try failure(bank, .forward(pass(1, rows: 4))) == nil)
        #expect(try failure(bank, .forward(pass(3, rows: 10))) == nil)
        // Gradients come from above; each layer that has them leaves its room to what is computed next.
        #expect(try failure(bank, .backward(pass(3, rows: 10), needsInput: true)) == nil)
        #expect(try failure(bank, .backward(pass(1, rows: 4), needsInput: true)) == nil)
        #expect(try failure(bank, .forward(pass(1, rows: 10))) == nil)
        let alone = try failure(bank, .forward(pass(1, rows: 13)))
        #expect(alone?.code == .memory && alone?.reason.contains("a smaller --micro-batch, or on more trainers") == true, "\(String(describing: alone))")
    }

    @Test func gradientsOfNoRowsEndAPass() throws {
        let bank = try bank(room: 10 * 192)
        for layer in [1, 3, 1] {
            #expect(try failure(bank, .forward(pass(layer, rows: 10))) == nil)
            let ended = try bank.carryOut(.backward(pass(layer, rows: 0), needsInput: false))
            #expect((ended.numbers?.elementCount ?? 0) == 0 && ended.sums.isEmpty)
        }
        let missing = try failure(bank, .backward(pass(1, rows: 10), needsInput: true))
        #expect(missing?.code == .malformed && missing?.reason.contains("no open forward pass") == true, "\(String(describing: missing))")
        // Nor does it change anything where nothing is open.
        #expect(try failure(bank, .backward(pass(3, rows: 0), needsInput: false)) == nil)
        let sums = try bank.carryOut(.norm(step: 0)).sums
        #expect(sums == [Double](repeating: 0, count: 6))
    }

    @Test func anUpdateEndsWhatWasOpen() throws {
        let bank = try bank(room: 10 * 192)
        #expect(try failure(bank, .forward(pass(1, rows: 10))) == nil)
        #expect(failure(bank, .update(step: 0, scale: 1, rate: 0.1)) == nil)
        #expect(try failure(bank, .backward(pass(1, rows: 10, step: 1), needsInput: true))?.code == .malformed)
        #expect(try failure(bank, .forward(pass(3, rows: 10, step: 1))) == nil)
    }
}
