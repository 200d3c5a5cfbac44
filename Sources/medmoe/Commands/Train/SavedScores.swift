import Evaluation
import Foundation

/// What is read of an evaluation's report: the scores of all questions of each set, and whose they are.
struct SavedScores: Decodable {
    private struct Settings: Decodable {
        let digest: String?
    }

    /// By the set's name.
    let datasets: [String: ScoreTable]
    private let settings: Settings?

    /// Names the weights that were asked; nil where an earlier version wrote the report.
    var digest: String? { settings?.digest }

    /// - Throws: `LoadOutputError` that names the file.
    init(contentsOf path: String) throws {
        do {
            self = try JSONDecoder().decode(SavedScores.self, from: Data(contentsOf: URL(filePath: path)))
        } catch {
            throw LoadOutputError(description: "\(path): is no report of an evaluation (\(error)); remove it, and the questions are asked again")
        }
    }
}
