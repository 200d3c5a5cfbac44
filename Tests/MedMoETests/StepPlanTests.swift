import Testing

@testable import MedMoE

@Suite struct StepPlanTests {
    @Test func decodingIsNeverHeldUpByAPrefill() {
        let plan = StepPlan(needs: [.prefill(0..<500), .decode, .decode], budget: 64)
        #expect(plan.items == [
            .init(request: 1, need: .decode), .init(request: 2, need: .decode), .init(request: 0, need: .prefill(0..<62)),
        ])
    }

    @Test func halfOfTheRowsGoToTheFirstAndTheOthersToTheShortest() {
        let plan = StepPlan(needs: [.prefill(0..<500), .prefill(0..<100), .prefill(0..<5)], budget: 60)
        #expect(plan.items == [
            .init(request: 0, need: .prefill(0..<30)), .init(request: 1, need: .prefill(0..<25)), .init(request: 2, need: .prefill(0..<5)),
        ])
        // Alone, or among equals, the first takes it all.
        #expect(StepPlan(needs: [.prefill(7..<500)], budget: 60).items == [.init(request: 0, need: .prefill(7..<67))])
        #expect(StepPlan(needs: [.prefill(0..<90), .prefill(0..<90)], budget: 60).items == [.init(request: 0, need: .prefill(0..<60))])
    }

    @Test func aLabelIsNotCut() {
        #expect(StepPlan(needs: [.label(rows: 8)], budget: 4).items == [.init(request: 0, need: .label(rows: 8))])
        // The first one in line goes even beyond the budget, or decoding neighbours could keep it waiting for ever.
        #expect(StepPlan(needs: [.decode, .label(rows: 8), .label(rows: 2)], budget: 4).items == [
            .init(request: 0, need: .decode), .init(request: 1, need: .label(rows: 8)),
        ])
        // Another one waits until all its rows find room: what it leaves is not lost.
        #expect(StepPlan(needs: [.prefill(0..<9), .label(rows: 8)], budget: 8).items == [.init(request: 0, need: .prefill(0..<8))])
    }

    @Test func everyStepComputesSomethingAndKeepsItsBudget() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<2000 {
            let needs: [StepPlan.Need] = (0..<Int.random(in: 1...20, using: &random)).map { _ in
                switch Int.random(in: 0..<3, using: &random) {
                case 0: .decode
                case 1: .prefill(5..<5 + Int.random(in: 1...300, using: &random))
                default: .label(rows: Int.random(in: 1...12, using: &random))
                }
            }
            let budget = Int.random(in: 1...300, using: &random)
            let plan = StepPlan(needs: needs, budget: budget)
            let rows = plan.items.reduce(0) { $0 + $1.rowCount }
            let decodes = needs.filter { $0 == .decode }.count
            #expect(rows >= 1)
            #expect(plan.items.filter { $0.need == .decode }.count == decodes)
            // Only decoding, the eighth that is kept for others, and the uncut label of the first may go beyond the budget.
            var most = max(budget, decodes + StepPlan.reserve(of: budget))
            if case .label(let rows)? = needs.first(where: { $0 != .decode }) { most = max(most, decodes + rows) }
            #expect(rows <= most)
            #expect(decodes == needs.count || rows > decodes)
            #expect(Set(plan.items.map(\.request)).count == plan.items.count)
        }
    }

    @Test func everyRequestMovesOnWithinABoundedNumberOfSteps() {
        for seed in 0..<40 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let budget = Int.random(in: 1...64, using: &random)
            var queue: [Waiting] = []
            for step in 0..<400 {
                // Short prompts keep coming: they must not push a long one aside for ever.
                if queue.count < 12, Int.random(in: 0..<2, using: &random) == 0 {
                    let rows = Int.random(in: 0..<8, using: &random) == 0 ? Int.random(in: 100...300, using: &random) : Int.random(in: 1...12, using: &random)
                    let ahead = queue.reduce(0) { $0 + $1.rowsToGo }
                    // The first in line gets at least half of what is kept for prefills, and one row.
                    let half = (StepPlan.reserve(of: budget) + 1) / 2
                    queue.append(Waiting(rowsToGo: rows, lastStep: step + (ahead + rows) / half + queue.count + 1, decodes: 5))
                }
                let plan = StepPlan(needs: queue.map(\.need), budget: budget)
                for item in plan.items {
                    if case .prefill(let rows) = item.need { queue[item.request].rowsToGo -= rows.count } else { queue[item.request].decodes -= 1 }
                }
                #expect(queue.allSatisfy { $0.rowsToGo == 0 || step <= $0.lastStep }, "seed \(seed)")
                queue.removeAll { $0.rowsToGo == 0 && $0.decodes <= 0 }
            }
        }
    }

    private struct Waiting {
        var rowsToGo: Int
        /// The step by which its prefill must be over.
        let lastStep: Int
        var decodes: Int

        var need: StepPlan.Need { rowsToGo > 0 ? .prefill(0..<rowsToGo) : .decode }
    }
}
