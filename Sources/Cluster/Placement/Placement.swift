/// Which worker holds which experts, and what that is expected to give.
public struct Placement: Sendable, Hashable {
    /// The experts of each worker, ascending.
    public let experts: [[Int]]
    /// Bytes of weights on each worker, the meta expert's included.
    public let bytes: [Int]
    /// Each worker's part of all rows when the least busy holder gets the next tile; the sum is 1.
    public let load: [Double]
    /// Number of workers that hold each expert.
    public let replicas: [Int]

    /// The largest part of all rows that one worker gets: 1 / workers is perfect.
    public var largestLoad: Double { load.max() ?? 0 }

    init(_ held: HeldExperts, of problem: PlacementProblem) {
        experts = held.experts.map { $0.sorted() }
        bytes = experts.map { $0.reduce(problem.sharedBytes) { $0 + problem.expertBytes[$1] } }
        load = held.balanced(problem.shares)
        replicas = problem.expertBytes.indices.map { held.holders[$0].count }
    }
}

/// Experts on workers while a plan is being made.
struct HeldExperts: Sendable, Hashable {
    /// By worker.
    private(set) var experts: [Set<Int>]
    /// By expert, ascending.
    private(set) var holders: [[Int]]

    init(workers: Int, experts: Int) {
        self.experts = Array(repeating: [], count: workers)
        holders = Array(repeating: [], count: experts)
    }

    mutating func add(_ expert: Int, to worker: Int) {
        guard experts[worker].insert(expert).inserted else { return }
        holders[expert].insert(worker, at: holders[expert].firstIndex { $0 > worker } ?? holders[expert].endIndex)
    }

    mutating func remove(_ expert: Int, from worker: Int) {
        guard experts[worker].remove(expert) != nil else { return }
        holders[expert].removeAll { $0 == worker }
    }

    mutating func addWorker() { experts.append([]) }

    func room(_ problem: PlacementProblem) -> [Int] {
        zip(problem.room, experts).map { room, experts in experts.reduce(room) { $0 - problem.expertBytes[$1] } }
    }

    /// The load of each worker when every expert's work goes to whoever of its holders is least busy.
    ///
    /// One expert after the other fills its holders up to a common level, given what the others put there. Each step lowers
    /// the sum of squares, whose minimum is also the smallest largest load; some rounds come close enough.
    func balanced(_ shares: [Double], rounds: Int = 40) -> [Double] {
        var load = Array(repeating: 0.0, count: experts.count)
        var part = holders.map { Array(repeating: 0.0, count: $0.count) }
        for _ in 0..<rounds {
            var change = 0.0
            for expert in holders.indices where !holders[expert].isEmpty {
                let mine = holders[expert]
                for (index, worker) in mine.enumerated() { load[worker] -= part[expert][index] }
                let level = HeldExperts.level(filling: mine.map { load[$0] }, with: shares[expert])
                for (index, worker) in mine.enumerated() {
                    let new = max(0, level - load[worker])
                    change = max(change, abs(new - part[expert][index]))
                    part[expert][index] = new
                    load[worker] += new
                }
            }
            if change < 1e-9 { break }
        }
        return load
    }

    /// Up to where an amount fills vessels that are filled to `heights`.
    private static func level(filling heights: [Double], with amount: Double) -> Double {
        let sorted = heights.sorted()
        var sum = 0.0
        for (index, height) in sorted.enumerated() {
            sum += height
            let level = (amount + sum) / Double(index + 1)
            if index + 1 == sorted.count || level <= sorted[index + 1] { return level }
        }
        return amount
    }
}
