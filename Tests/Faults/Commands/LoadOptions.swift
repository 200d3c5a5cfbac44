import ArgumentParser
import ClusterHarness

/// The load under which accidents happen.
struct LoadOptions: ParsableArguments {
    @Option(help: "Requests under way at the same time.") var askers = 8
    @Option(help: "Different questions.") var questions = 16
    @Option(help: "Tokens of the longest answers; the others have half of it.") var tokens = 100

    func validate() throws {
        for (name, value, most) in [("askers", askers, 64), ("questions", questions, 10_000), ("tokens", tokens, 350)] where !(1...most).contains(value) {
            throw ValidationError("--\(name) is \(value); expected 1 to \(most)")
        }
    }

    func mixture() throws -> [Question] { try Question.mixture(questions, tokens: tokens) }
}
