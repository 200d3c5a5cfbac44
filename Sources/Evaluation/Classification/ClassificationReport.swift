import Foundation

/// How well a model tells the classes of a set of images apart.
public struct ClassificationReport: Sendable, Hashable, Encodable {
    public var name: String
    public var classes: [String]
    /// Images of each class, in the order of `classes`.
    public var counts: [Int]
    /// What was asked about each image.
    public var question: String
    /// Images whose likeliest class is theirs.
    public var accuracy: Estimate?
    /// Area under the ROC curve; of more than two classes the mean over each class against the rest. Nil where only one class occurs.
    public var auc: Estimate?
    /// What always naming the most frequent class of this very set would give, in percent.
    public var majorityAccuracy: Double
    /// Images of class i that the model took for class j: row i, column j.
    public var confusion: [[Int]]

    enum CodingKeys: String, CodingKey {
        case classes, counts, question, accuracy, auc, confusion
        case majorityAccuracy = "majority_accuracy"
    }

    /// - Parameters:
    ///   - scores: of each image one log-probability per class.
    ///   - labels: the true class of each image.
    public init(name: String, classes: [String], question: String, scores: [[Double]], labels: [Int], bootstrap: Bootstrap) {
        let chosen = scores.map(Self.likeliest)
        self.name = name
        self.classes = classes
        self.question = question
        counts = classes.indices.map { kind in labels.count { $0 == kind } }
        majorityAccuracy = labels.isEmpty ? 0 : 100 * Double(counts.max() ?? 0) / Double(labels.count)
        accuracy = bootstrap.mean(zip(chosen, labels).map { $0 == $1 ? 1 : 0 })
        confusion = classes.indices.map { row in
            classes.indices.map { column in zip(chosen, labels).count { $0 == column && $1 == row } }
        }
        // For two classes both curves have the same area.
        let ranks = (classes.count == 2 ? [1] : Array(classes.indices)).map { kind in
            RankStatistic(scores: scores.map { Self.logOdds($0, of: kind) }, isPositive: labels.map { $0 == kind })
        }
        auc = bootstrap.estimate(count: labels.count) { sample in
            var times = [Int](repeating: 0, count: labels.count)
            for index in sample { times[index] += 1 }
            let areas = ranks.compactMap { $0.area(times: times) }
            return areas.isEmpty ? nil : areas.reduce(0, +) / Double(areas.count)
        }
    }

    /// log p − log (1 − p) of the softmax over the classes: the order of the probabilities, without their rounding to 0 and 1.
    static func logOdds(_ scores: [Double], of kind: Int) -> Double {
        let others = scores.indices.filter { $0 != kind }.map { scores[$0] }
        let most = others.max() ?? 0
        return scores[kind] - most - log(others.reduce(0) { $0 + exp($1 - most) })
    }

    /// The first of equals.
    private static func likeliest(_ scores: [Double]) -> Int {
        scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
    }
}
