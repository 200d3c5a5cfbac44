import Testing

@testable import MedMoE

@Suite struct StepPlanTests {
    @Test func decodingIsNeverHeldUpByAPrefill() {
        let plan = StepPlan(needs: [.prefill(0..<500), .decode, .decode], budget: 64)
        #expect(plan.items == [
            .init(request: 1, need: .decode), .init(request: 2, need: .decode), .init(request: 0, need: .prefill(0..<62)),
        ])
    }

    @Test func prefillsGoInTheOrderOfArrival() {
        let plan = StepPlan(needs: [.prefill(10..<20), .prefill(0..<100), .prefill(0..<5)], budget: 30)
        #expect(plan.items == [.init(request: 0, need: .prefill(10..<20)), .init(request: 1, need: .prefill(0..<20))])
    }

    @Test func aLabelIsNotCut() {
        #expect(StepPlan(needs: [.decode, .label(rows: 8)], budget: 4).items == [.init(request: 0, need: .decode)])
        #expect(StepPlan(needs: [.label(rows: 8)], budget: 4).items == [.init(request: 0, need: .label(rows: 8))])
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
            // Only decoding and a single uncut label may go beyond the budget.
            #expect(rows <= max(budget, decodes) || plan.items.count == 1)
            #expect(Set(plan.items.map(\.request)).count == plan.items.count)
        }
    }
}
