import Datasets
import Evaluation
import Foundation
import Imaging

/// Everything that an evaluation asks, read and checked.
struct EvalInputs: Sendable {
    /// A set of questions.
    struct QuestionSet: Sendable {
        var name: String
        var conversations: [Conversation]
        /// What the baselines learn from; nil without training data for this set.
        var training: [Conversation]?
    }

    let sets: [QuestionSet]
    let arrays: [ArrayImages]
    let images: ImageFolder
    /// Entries left out as bad, by reason.
    let skipped: [String: Int]

    /// The validation pass: reads all files, decodes all images.
    ///
    /// - Throws: `DataRefusal`, `ArrayFileError` or `EvaluationError`, each naming file and entry.
    init(_ options: EvalSets, pillowExact: Bool) throws {
        let folder = ImageFolder(path: options.imageFolder ?? ".")
        let decoder = ImageDecoder(pillowExact: pillowExact)
        let rules = DataRules(images: folder, needsAnswerType: true) { bytes, name in _ = try decoder.decode(bytes, named: name) }
        images = folder
        let arrays = try options.arraySets.map {
            try ArrayImages(path: $0.file.path, name: $0.file.name, split: options.split, classes: $0.classes, limit: options.limit)
        }
        self.arrays = arrays
        let questions = try EvalInputs.checked(options.data, rules, options, label: "checking questions and images")
        // The baselines look at no image, and an answer of unknown kind still answers its question.
        let training = try EvalInputs.checked(options.training, DataRules(allowsTextOnly: true), options, label: "checking training answers")
        sets = zip(options.data, questions.files).map { named, file in
            let lessons = zip(options.training, training.files).filter { $0.0.name == named.name }
            return QuestionSet(
                name: named.name, conversations: Array(file.conversations.prefix(options.limit ?? .max)),
                training: lessons.isEmpty ? nil : lessons.flatMap(\.1.conversations))
        }
        let counts = questions.counts.merging(training.counts, uniquingKeysWith: +)
        skipped = Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, $0.value) })
        let total = counts.values.reduce(0, +)
        if total > 0 {
            let reasons = skipped.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
            Terminal.note("left out \(total) bad entries: \(reasons)")
            for problem in (questions.problems + training.problems).prefix(10) { Terminal.note("  \(problem)") }
        }
    }

    private static func checked(_ files: [NamedFile], _ rules: DataRules, _ options: EvalSets, label: String) throws -> ValidatedData {
        var progress: ProgressBar?
        return try DataValidation(rules: rules, skipsBad: options.skipsBad).run(files: files.map(\.path)) { _, total in
            if progress == nil { progress = ProgressBar(label, total: total) }
            progress?.advance()
        }
    }
}
