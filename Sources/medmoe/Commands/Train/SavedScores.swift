import Evaluation
import Foundation

/// What is read of an evaluation's report: the scores of all questions of each set.
struct SavedScores: Decodable {
    /// By the set's name.
    let datasets: [String: ScoreTable]

    /// - Throws: `LoadOutputError` that names the file.
    init(contentsOf path: String) throws {
        do {
            self = try JSONDecoder().decode(SavedScores.self, from: Data(contentsOf: URL(filePath: path)))
        } catch {
            throw LoadOutputError(description: "\(path): is no report of an evaluation (\(error)); remove it, and the questions are asked again")
        }
    }
}
