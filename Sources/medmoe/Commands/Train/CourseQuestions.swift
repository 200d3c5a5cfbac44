import Datasets
import Foundation
import Imaging

/// The questions that a course's models are asked, read and checked as `medmoe eval` does.
struct CourseQuestions {
    let sets: [EvalInputs.QuestionSet]
    /// Entries left out as bad, by reason.
    let skipped: [String: Int]

    /// - Parameters:
    ///   - files: questions that are kept apart.
    ///   - training: what was learnt from: the baselines take their answers there.
    /// - Throws: `DataRefusal` that names file and entry.
    init(_ files: [String], training: [String], images: ImageFolder, skipsBad: Bool) throws {
        let decoder = ImageDecoder()
        let rules = DataRules(images: images, needsAnswerType: true, decode: { bytes, name in _ = try decoder.decode(bytes, named: name) })
        let questions = try DataValidation(rules: rules, skipsBad: skipsBad).run(files: files)
        // The baselines look at no image, and an answer of unknown kind still answers its question.
        let lessons = try DataValidation(rules: DataRules(allowsTextOnly: true), skipsBad: skipsBad).run(files: training)
        sets = zip(Self.names(files), questions.files).map { name, file in
            let beside = lessons.files.filter { Self.folder(of: $0.path) == Self.folder(of: file.path) }
            return EvalInputs.QuestionSet(
                name: name, conversations: file.conversations, training: beside.isEmpty ? nil : beside.flatMap(\.conversations))
        }
        let counts = questions.counts.merging(lessons.counts, uniquingKeysWith: +)
        skipped = Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, $0.value) })
        if !skipped.isEmpty {
            let reasons = skipped.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" }.joined(separator: ", ")
            Terminal.note("questions and training answers: left out \(reasons)")
        }
    }

    /// What the sets are called: by their folders, or by their paths where two share a folder.
    private static func names(_ files: [String]) -> [String] {
        let short = files.map { NamedFile(argument: $0)?.name ?? $0 }
        return Set(short).count == files.count ? short : files
    }

    /// Training files are for the sets in a folder of the same name, as where `medmoe eval` is given files without names.
    private static func folder(of file: String) -> String { URL(filePath: file).deletingLastPathComponent().lastPathComponent }
}
