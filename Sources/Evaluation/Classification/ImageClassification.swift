import MedMoE

/// Image classification asked as a closed question over the class names: the answer is the name that the model finds likeliest.
public struct ImageClassification: Sendable {
    public var questioner: Questioner
    public var bootstrap: Bootstrap
    /// What is asked about each image; nil: whether it is one class or another.
    public var question: String?

    public init(questioner: Questioner, bootstrap: Bootstrap = Bootstrap(), question: String? = nil) {
        self.questioner = questioner
        self.bootstrap = bootstrap
        self.question = question
    }

    /// The question over class names: "Is this image normal or pneumonia?", "Is this image a, b or c?".
    public static func question(over classes: [String]) -> String {
        let last = classes.last ?? ""
        return "Is this image " + classes.dropLast().joined(separator: ", ") + (classes.count > 1 ? " or " : "") + last + "?"
    }

    /// A model's scores of all images, and what they are worth.
    public struct Outcome: Sendable {
        public var report: ClassificationReport
        /// One record per image, in the order of the file.
        public var records: [ClassificationRecord]
        /// Images that were scored without an expert that was missing.
        public var degraded: Int
    }

    /// Asks about all images.
    ///
    /// A class's score is the log-probability of its name's tokens and of the end of the answer.
    /// - Throws: `EvaluationError` that names the image, and `CancellationError`.
    public func run(_ images: ArrayImages, answered: @escaping @Sendable () -> Void = {}) async throws -> Outcome {
        let question = question ?? Self.question(over: images.classes)
        let items = (0..<images.count).map { index in
            Questioner.Item(
                name: "\(images.name), image \(index)", task: .classify([.init(.user, question)], labels: images.classes),
                image: { try images.file(at: index) })
        }
        let summaries = try await questioner.ask(items, maximumTokens: 1, answered: answered)
        let scores = summaries.map { $0.labelLogProbabilities.map(\.logProbability) }
        guard scores.allSatisfy({ $0.count == images.classes.count }) else {
            throw EvaluationError(description: "\(images.name): the engine scored other labels than it was asked for; use the same version on both sides")
        }
        let report = ClassificationReport(
            name: images.name, classes: images.classes, question: question, scores: scores, labels: images.labels, bootstrap: bootstrap)
        let records = zip(scores, images.labels).enumerated().map { index, found in
            ClassificationRecord(dataset: images.name, entry: index, label: found.1, logProbabilities: found.0)
        }
        return Outcome(report: report, records: records, degraded: summaries.count { $0.degraded })
    }
}

/// The scores of one image as a line of a predictions file.
public struct ClassificationRecord: Sendable, Hashable, Codable {
    /// The set's name.
    public var dataset: String
    /// The image's place in its array, from 0.
    public var entry: Int
    /// The true class, as a place in the list of class names.
    public var label: Int
    /// Of each class name as the answer, the end of the answer included.
    public var logProbabilities: [Double]

    enum CodingKeys: String, CodingKey {
        case dataset, entry, label
        case logProbabilities = "log_probabilities"
    }
}
