import Testing

@testable import Cluster

/// Plans of which worker holds which experts.
@Suite struct PlacementTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state ^ (state >> 33)) &* 0xFF51_AFD7_ED55_8CCD
        }
    }

    /// Experts of some sizes and traffic, workers of some memory.
    private static func problem(seed: UInt64, experts: ClosedRange<Int>, workers: ClosedRange<Int>) -> PlacementProblem {
        var random = Generator(state: seed)
        let count = Int.random(in: experts, using: &random)
        let even = Bool.random(using: &random)
        let bytes = (0..<count).map { _ in even ? 100 : Int.random(in: 50...200, using: &random) }
        let traffic = (0..<count).map { _ in Bool.random(using: &random) ? Double.random(in: 0...10, using: &random) : Double.random(in: 0...100, using: &random) }
        let number = Int.random(in: workers, using: &random)
        let fair = bytes.reduce(0, +) / number
        let memory = (0..<number).map { _ in 30 + fair + Int.random(in: 0...2 * fair + 100, using: &random) }
        return PlacementProblem(expertBytes: bytes, sharedBytes: 30, traffic: traffic, memory: memory, replicas: Int.random(in: 1...2, using: &random))
    }

    @Test("a plan holds every expert, keeps to each worker's memory, and is the same every time", arguments: 0..<200 as Range<UInt64>)
    func aPlanHoldsEveryExpertKeepsToEachWorker(seed: UInt64) throws {
        let problem = Self.problem(seed: seed, experts: 1...12, workers: 1...6)
        do {
            let plan = try PlacementPlanner.plan(problem)
            #expect(plan.experts.count == problem.memory.count)
            #expect(Set(plan.experts.joined()) == Set(problem.expertBytes.indices))
            for (worker, experts) in plan.experts.enumerated() {
                #expect(experts == Set(experts).sorted(), "an expert twice on one worker")
                #expect(plan.bytes[worker] == experts.reduce(problem.sharedBytes) { $0 + problem.expertBytes[$1] })
                #expect(plan.bytes[worker] <= problem.memory[worker])
            }
            for expert in problem.expertBytes.indices {
                #expect(plan.replicas[expert] == plan.experts.count { $0.contains(expert) })
            }
            #expect(abs(plan.load.reduce(0, +) - 1) < 1e-6)
            #expect(try PlacementPlanner.plan(problem) == plan)
        } catch PlacementError.fragmented(let workers, let suffices) {
            // The memory that it names does work.
            var larger = problem
            larger.memory = (0..<workers).map { _ in suffices }
            #expect(try Set(PlacementPlanner.plan(larger).experts.joined()) == Set(problem.expertBytes.indices))
        } catch PlacementError.tooLittle(let needed, let available, _) {
            #expect(needed > available)
        } catch PlacementError.expertTooLarge(_, let needed, let largest) {
            #expect(needed > largest)
        }
    }

    @Test("the largest load is close to the least that is possible", arguments: 0..<60 as Range<UInt64>)
    func theLargestLoadIsCloseToTheLeastThat(seed: UInt64) throws {
        var problem = Self.problem(seed: seed, experts: 2...4, workers: 2...3)
        problem.replicas = 1
        guard let optimum = Self.optimum(problem) else {
            #expect(throws: PlacementError.self) { try PlacementPlanner.plan(problem) }
            return
        }
        let plan = try PlacementPlanner.plan(problem)
        #expect(plan.largestLoad >= optimum - 1e-4)
        #expect(plan.largestLoad <= optimum * 1.05 + 1e-4, "\(problem) \(plan)")
    }

    /// The smallest largest load of all placements within memory.
    private static func optimum(_ problem: PlacementProblem) -> Double? {
        let experts = problem.expertBytes.count
        let sets = problem.memory.map { memory in
            (0..<(1 << experts)).filter { set in
                let bytes = (0..<experts).filter { set >> $0 & 1 == 1 }.reduce(problem.sharedBytes) { $0 + problem.expertBytes[$1] }
                return set == 0 || bytes <= memory
            }
        }
        var best: Double?
        func choose(_ worker: Int, _ chosen: [Int]) {
            if worker == sets.count {
                guard chosen.reduce(0, |) == 1 << experts - 1 else { return }
                var held = HeldExperts(workers: chosen.count, experts: experts)
                for (worker, set) in chosen.enumerated() {
                    for expert in 0..<experts where set >> expert & 1 == 1 { held.add(expert, to: worker) }
                }
                best = min(best ?? .infinity, held.balanced(problem.shares).max() ?? 0)
                return
            }
            // Only sets to which nothing can be added: a further copy never makes a placement worse.
            let largest = sets[worker].filter { set in !sets[worker].contains { $0 != set && $0 & set == set } }
            for set in worker == 0 || experts < 4 ? sets[worker] : largest { choose(worker + 1, chosen + [set]) }
        }
        choose(0, [])
        return best
    }

    @Test("one worker more never makes the largest load larger", arguments: 0..<60 as Range<UInt64>)
    func oneWorkerMoreNeverMakesTheLargestLoad(seed: UInt64) throws {
        let problem = Self.problem(seed: seed, experts: 2...8, workers: 5...7)
        var last = Double.infinity
        for workers in 1...problem.memory.count {
            guard let plan = try? PlacementPlanner.plan(problem.with(workers: workers)) else { continue }
            #expect(plan.largestLoad <= last + 1e-6)
            last = plan.largestLoad
        }
    }

    @Test("a hot expert gets copies in proportion to its traffic")
    func aHotExpertGetsCopiesInProportionToIts() throws {
        // Two experts fit each of six workers; expert 0 has 70 % of the rows.
        let plan = try PlacementPlanner.plan(
            PlacementProblem(expertBytes: [10, 10, 10, 10], sharedBytes: 5, traffic: [70, 10, 10, 10], memory: Array(repeating: 25, count: 6)))
        #expect(plan.replicas[0] >= 5)
        #expect(plan.largestLoad < 0.18)
    }

    @Test("two copies of each are made before any third, if there is room")
    func twoCopiesOfEachAreMadeBeforeAnyThird() throws {
        let problem = PlacementProblem(
            expertBytes: [10, 10, 10, 10], sharedBytes: 0, traffic: [97, 1, 1, 1], memory: Array(repeating: 20, count: 4), replicas: 2)
        #expect(try PlacementPlanner.plan(problem).replicas == [2, 2, 2, 2])
        var single = problem
        single.replicas = 1
        #expect(try PlacementPlanner.plan(single).replicas[0] == 4)
    }

    @Test("traffic without any rows counts as equal")
    func trafficWithoutAnyRowsCountsAsEqual() throws {
        let plan = try PlacementPlanner.plan(
            PlacementProblem(expertBytes: [10, 10], sharedBytes: 0, traffic: [0, 0], memory: [10, 10]))
        #expect(plan.load == [0.5, 0.5])
    }

    @Test("what is impossible says how much is needed")
    func whatIsImpossibleSaysHowMuchIsNeeded() {
        func problem(_ bytes: [Int], _ memory: [Int]) -> PlacementProblem { PlacementProblem(expertBytes: bytes, sharedBytes: 10, memory: memory) }
        #expect(throws: PlacementError.expertTooLarge(expert: 1, needed: 60, largest: 55)) {
            try PlacementPlanner.plan(problem([20, 50], [55, 30]))
        }
        #expect(throws: PlacementError.tooLittle(needed: 120, available: 100, workers: 2)) {
            try PlacementPlanner.plan(problem([25, 25, 25, 25], [50, 50]))
        }
        // 30 + 30 + 30 fit 2 × 50 by their sum only.
        #expect(throws: PlacementError.fragmented(workers: 2, suffices: 70)) {
            try PlacementPlanner.plan(problem([30, 30, 30], [60, 60]))
        }
        #expect(throws: PlacementError.nothingToPlace) { try PlacementPlanner.plan(problem([], [1])) }
        #expect(throws: PlacementError.noWorkers) { try PlacementPlanner.plan(problem([1], [])) }
        var wrong = problem([1, 1], [100])
        wrong.traffic = [1, .nan]
        #expect(throws: PlacementError.self) { try PlacementPlanner.plan(wrong) }
    }

    @Test("many experts on many workers are planned in seconds")
    func manyExpertsOnManyWorkersArePlannedIn() throws {
        let traffic = (0..<64).map { 1 / Double($0 + 1) }
        let plan = try PlacementPlanner.plan(
            PlacementProblem(expertBytes: Array(repeating: 100, count: 64), sharedBytes: 10, traffic: traffic, memory: Array(repeating: 510, count: 32)))
        #expect(plan.largestLoad < 1.1 / 32)
    }
}
