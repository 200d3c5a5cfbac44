import Testing

@testable import MedMoE

@Suite struct StepVerdictTests {
    private let now = ContinuousClock.now
    private let expert = ExpertAddress(layer: 2, expert: 1)

    /// Three requests with rows 0–3, 4 and 5–9.
    private func members(deadlines: [Duration] = [.seconds(9), .seconds(5), .seconds(7)]) -> [StepVerdict.Member] {
        zip([0..<4, 4..<5, 5..<10], deadlines).map { .init(rows: $0, deadline: now.advanced(by: $1)) }
    }

    private func verdict(
        _ cause: DispatchError, rows: [Int], deadlines: [Duration] = [.seconds(9), .seconds(5), .seconds(7)], mayPark: Bool = true
    ) -> StepVerdict {
        StepVerdict(TilesFailed(cause: cause, rows: rows), members: members(deadlines: deadlines), mayPark: mayPark, now: now)
    }

    @Test func missingExpertsParkTheirOwners() {
        #expect(verdict(.uncovered([expert]), rows: [4, 9]) == .park([1, 2]))
        #expect(verdict(.uncovered([expert]), rows: [2, 3]) == .park([0]))
        #expect(verdict(.uncovered([expert]), rows: [77]) == .park([0, 1, 2]))
    }

    @Test func whoWasToWaitIsNotParkedAgain() {
        #expect(verdict(.uncovered([expert]), rows: [4], mayPark: false) == .pause)
    }

    @Test func lostExpertsFailTheirOwnersBeforeTheDeadlineAndTheExpiredAtIt() {
        #expect(verdict(.expertsLost([expert]), rows: [5]) == .fail([2]))
        let late: [Duration] = [.seconds(9), .zero, .milliseconds(10)]
        #expect(verdict(.expertsLost([expert]), rows: [0], deadlines: late) == .fail([1, 2]))
        #expect(verdict(.deadline([expert]), rows: [0], deadlines: late) == .fail([1, 2]))
    }

    @Test func aTicketGivenUpEarlyFailsTheFirstOfItsOwners() {
        #expect(verdict(.deadline([expert]), rows: [0, 9]) == .fail([2]))
    }

    @Test func overloadIsAPauseAndEverythingElseFailsAll() {
        func verdict(_ error: any Error) -> StepVerdict { StepVerdict(error, members: members(), mayPark: true, now: now) }
        #expect(verdict(DispatchError.overloaded("full")) == .pause)
        #expect(verdict(DispatchError.rejected("shape")) == .fail([0, 1, 2]))
        #expect(verdict(DispatchError.cancelled) == .fail([0, 1, 2]))
        #expect(verdict(ModelError.notFinite("x")) == .fail([0, 1, 2]))
        #expect(verdict(DispatchError.uncovered([expert])) == .park([0, 1, 2]))
    }

    @Test func everyRepeatedStepIsWithoutSomebody() {
        var random = SeededRandom(seed: 4)
        for _ in 0..<3000 {
            let count = Int.random(in: 1...16, using: &random)
            var row = 0
            let members = (0..<count).map { _ in
                let rows = row..<row + Int.random(in: 1...9, using: &random)
                row = rows.upperBound
                return StepVerdict.Member(rows: rows, deadline: now.advanced(by: .milliseconds(Int.random(in: -50...50, using: &random))))
            }
            let cause: DispatchError = [.uncovered([expert]), .expertsLost([expert]), .deadline([expert])].randomElement(using: &random) ?? .cancelled
            let rows = (0..<row).filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
            switch StepVerdict(TilesFailed(cause: cause, rows: rows), members: members, mayPark: true, now: now) {
            case .park(let named), .fail(let named): #expect(!named.isEmpty && named.allSatisfy(members.indices.contains))
            case .pause: Issue.record("a pause for \(cause)")
            }
        }
    }
}
