/// Computes which worker holds which experts.
///
/// Every expert once, where there is least to do; then, while there is room, one more copy of the expert with the most traffic
/// per copy, on a worker without it; then copies change places while that lowers the largest load. A plan for more
/// workers is never worse: the plan for one worker fewer, with the last one filled, is tried too. Equal input gives equal plans.
public struct PlacementPlanner: Sendable {
    private let problem: PlacementProblem
    private let shares: [Double]
    private let experts: Range<Int>

    /// - Throws: `PlacementError`
    public static func plan(_ problem: PlacementProblem) throws -> Placement {
        try check(problem)
        var best: HeldExperts?
        for workers in 1...problem.memory.count {
            let part = problem.with(workers: workers)
            let planner = PlacementPlanner(part)
            var candidates: [HeldExperts] = []
            if var grown = best {
                grown.addWorker()
                planner.replicate(&grown)
                planner.improve(&grown)
                candidates.append(grown)
            }
            if let fresh = planner.fresh() { candidates.insert(fresh, at: 0) }
            best = candidates.min { planner.score($0) < planner.score($1) }
        }
        guard let best else { throw PlacementError.fragmented(workers: problem.memory.count, suffices: sufficient(problem)) }
        return Placement(best, of: problem)
    }

    private init(_ problem: PlacementProblem) {
        self.problem = problem
        shares = problem.shares
        experts = problem.expertBytes.indices
    }

    private static func check(_ problem: PlacementProblem) throws {
        guard !problem.expertBytes.isEmpty else { throw PlacementError.nothingToPlace }
        guard !problem.memory.isEmpty else { throw PlacementError.noWorkers }
        guard problem.traffic.count == problem.expertBytes.count else {
            throw PlacementError.badTraffic("it is about \(problem.traffic.count) experts, but the model has \(problem.expertBytes.count)")
        }
        if let index = problem.traffic.firstIndex(where: { !($0 >= 0 && $0.isFinite) }) {
            throw PlacementError.badTraffic("expert \(index) has \(problem.traffic[index]) rows")
        }
        let largest = problem.memory.max() ?? 0
        if let expert = problem.expertBytes.indices.max(by: { problem.expertBytes[$0] < problem.expertBytes[$1] }),
            problem.expertBytes[expert] + problem.sharedBytes > largest
        {
            throw PlacementError.expertTooLarge(expert: expert, needed: problem.expertBytes[expert] + problem.sharedBytes, largest: largest)
        }
        // A worker that is too small even for the meta expert takes no part.
        let useful = problem.memory.filter { $0 > problem.sharedBytes }
        let needed = problem.expertBytes.reduce(useful.count * problem.sharedBytes, +)
        guard needed <= useful.reduce(0, +) else {
            throw PlacementError.tooLittle(needed: needed, available: useful.reduce(0, +), workers: useful.count)
        }
    }

    /// A memory per worker with which every expert finds a place.
    private static func sufficient(_ problem: PlacementProblem) -> Int {
        var low = 0
        var high = problem.expertBytes.reduce(problem.sharedBytes, +)
        while low < high {
            let middle = low + (high - low) / 2
            var equal = problem
            equal.memory = problem.memory.map { _ in middle }
            if PlacementPlanner(equal).packing(of: Array(equal.expertBytes.indices), into: equal.room) != nil {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return high
    }

    /// Lower is better: copies that are missing from what is wanted, then the largest load.
    private func score(_ held: HeldExperts) -> Score {
        let wanted = min(problem.replicas, problem.memory.count)
        return Score(
            missing: held.holders.reduce(0) { $0 + max(0, wanted - $1.count) }, largest: held.balanced(shares).max() ?? 0)
    }

    private struct Score: Comparable {
        var missing: Int
        var largest: Double

        static func < (a: Score, b: Score) -> Bool {
            a.missing != b.missing ? a.missing < b.missing : a.largest < b.largest - 1e-9
        }
    }

    private func fresh() -> HeldExperts? {
        guard var held = once() else { return nil }
        replicate(&held)
        improve(&held)
        return held
    }

    /// Every expert on one worker; nil when no way is found.
    private func once() -> HeldExperts? {
        var held = HeldExperts(workers: problem.memory.count, experts: experts.count)
        var room = problem.room
        var load = room.map { _ in 0.0 }
        let order = experts.sorted { (shares[$0], problem.expertBytes[$0], $1) > (shares[$1], problem.expertBytes[$1], $0) }
        guard packing(of: order, into: room) != nil else { return nil }
        for (index, expert) in order.enumerated() {
            let rest = Array(order[(index + 1)...])
            let size = problem.expertBytes[expert]
            let choice = room.indices.filter { room[$0] >= size }.sorted { (load[$0], $0) < (load[$1], $1) }.first { worker in
                var left = room
                left[worker] -= size
                return packing(of: rest, into: left) != nil
            }
            guard let choice else {
                // This order leads nowhere; the packing by size does.
                guard let packing = packing(of: Array(order[index...]), into: room) else { return nil }
                for (expert, worker) in packing { held.add(expert, to: worker) }
                return held
            }
            held.add(expert, to: choice)
            room[choice] -= size
            load[choice] += shares[expert]
        }
        return held
    }

    /// Places by size, largest first, each where it fits most tightly.
    private func packing(of experts: [Int], into room: [Int]) -> [(expert: Int, worker: Int)]? {
        var room = room
        var places: [(expert: Int, worker: Int)] = []
        for expert in experts.sorted(by: { (problem.expertBytes[$0], $1) > (problem.expertBytes[$1], $0) }) {
            let size = problem.expertBytes[expert]
            guard let worker = room.indices.filter({ room[$0] >= size }).min(by: { (room[$0], $0) < (room[$1], $1) }) else { return nil }
            room[worker] -= size
            places.append((expert, worker))
        }
        return places
    }

    /// Adds copies while there is room: first up to the number that is wanted, then where most traffic falls on a copy.
    private func replicate(_ held: inout HeldExperts) {
        var room = held.room(problem)
        while true {
            func isWanted(_ expert: Int) -> Bool { held.holders[expert].count < problem.replicas }
            func perCopy(_ expert: Int) -> Double { shares[expert] / Double(max(1, held.holders[expert].count)) }
            let order = experts.sorted { a, b in
                isWanted(a) != isWanted(b) ? isWanted(a) : (perCopy(a), b) > (perCopy(b), a)
            }
            let load = held.balanced(shares, rounds: 4)
            var added = false
            for expert in order {
                let size = problem.expertBytes[expert]
                let free = room.indices.filter { room[$0] >= size && !held.experts[$0].contains(expert) }
                guard let worker = free.min(by: { (load[$0], -room[$0], $0) < (load[$1], -room[$1], $1) }) else { continue }
                held.add(expert, to: worker)
                room[worker] -= size
                added = true
                break
            }
            if !added { return }
        }
    }

    /// Lets copies of the busiest workers move to other workers, or change places with copies there, while that helps.
    private func improve(_ held: inout HeldExperts) {
        var best = score(held)
        let ideal = 1 / Double(problem.memory.count)
        // Large clusters get by with fewer tries: the first plan is close to even there.
        var tries = 2_000_000 / max(1, held.holders.reduce(0) { $0 + $1.count } * 40)
        while best.largest > ideal + 1e-9, let better = better(than: best, held, &tries) { (held, best) = better }
    }

    private func better(than best: Score, _ held: HeldExperts, _ tries: inout Int) -> (HeldExperts, Score)? {
        let load = held.balanced(shares)
        let room = held.room(problem)
        let busiest = load.indices.filter { load[$0] > best.largest - 1e-6 }
        for worker in busiest {
            for expert in held.experts[worker].sorted(by: { (shares[$0], $1) > (shares[$1], $0) }) {
                for other in load.indices.sorted(by: { (load[$0], $0) < (load[$1], $1) })
                where other != worker && !held.experts[other].contains(expert) {
                    for change in changes(expert, from: worker, to: other, held, room) {
                        guard tries > 0 else { return nil }
                        tries -= 1
                        var changed = change
                        replicate(&changed)
                        let score = score(changed)
                        if score < best { return (changed, score) }
                    }
                }
            }
        }
        return nil
    }

    /// What may be done to bring an expert of a busy worker to another one: move it, exchange it for another expert, or put it in
    /// the place of a copy that is not the only one.
    private func changes(_ expert: Int, from worker: Int, to other: Int, _ held: HeldExperts, _ room: [Int]) -> [HeldExperts] {
        let size = problem.expertBytes[expert]
        var changes: [HeldExperts] = []
        func change(_ body: (inout HeldExperts) -> Void) {
            var changed = held
            body(&changed)
            changed.add(expert, to: other)
            changes.append(changed)
        }
        if room[other] >= size { change { $0.remove(expert, from: worker) } }
        for exchanged in held.experts[other].sorted() {
            let back = problem.expertBytes[exchanged]
            guard room[other] + back >= size else { continue }
            if !held.experts[worker].contains(exchanged), room[worker] + size >= back {
                change {
                    $0.remove(expert, from: worker)
                    $0.remove(exchanged, from: other)
                    $0.add(exchanged, to: worker)
                }
            }
            if held.holders[exchanged].count > 1 { change { $0.remove(exchanged, from: other) } }
        }
        return changes
    }
}
