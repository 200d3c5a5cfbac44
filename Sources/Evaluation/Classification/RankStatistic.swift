/// The area under the ROC curve by ranks: the share of pairs of a positive and a negative case in which the positive one has the higher score,
/// ties counting one half (Mann and Whitney 1947).
struct RankStatistic: Sendable {
    /// Cases in the order of their scores, each with the number of its group of equal scores.
    private let order: [(index: Int, group: Int)]
    private let isPositive: [Bool]

    /// Sorts once; `area` then takes linear time, which bootstrap samples need.
    init(scores: [Double], isPositive: [Bool]) {
        let sorted = scores.indices.sorted { scores[$0] < scores[$1] }
        var order: [(index: Int, group: Int)] = []
        for (place, index) in sorted.enumerated() {
            let isTie = place > 0 && scores[sorted[place - 1]] == scores[index]
            order.append((index, (order.last?.group ?? 0) + (isTie || place == 0 ? 0 : 1)))
        }
        self.order = order
        self.isPositive = isPositive
    }

    /// From 0 to 1; nil when the cases are all positive or all negative.
    ///
    /// - Parameter times: how often each case occurs.
    func area(times: [Int]) -> Double? {
        var wins = 0.0
        var negatives = 0
        var positives = 0
        var start = 0
        while start < order.count {
            var end = start
            var positivesHere = 0
            var negativesHere = 0
            while end < order.count, order[end].group == order[start].group {
                let index = order[end].index
                if isPositive[index] { positivesHere += times[index] } else { negativesHere += times[index] }
                end += 1
            }
            wins += Double(positivesHere) * (Double(negatives) + Double(negativesHere) / 2)
            positives += positivesHere
            negatives += negativesHere
            start = end
        }
        guard positives > 0, negatives > 0 else { return nil }
        return wins / (Double(positives) * Double(negatives))
    }
}
