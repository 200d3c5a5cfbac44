import ArgumentParser
import MedMoE

/// How answers are generated.
struct SamplingOptions: ParsableArguments {
    @Option(name: .customLong("max-tokens"), help: ArgumentHelp("The most tokens of an answer.", valueName: "n"))
    var maximumTokens = 128

    @Option(help: "0 takes the likeliest token always; larger values draw, the larger the wilder.")
    var temperature = 0.0

    @Option(name: .customLong("top-p"), help: "Draw from the fewest tokens that together have this probability.")
    var topP = 1.0

    @Option(name: .customLong("top-k"), help: "Draw from this many likeliest tokens; 0 for all.")
    var topK = 0

    @Option(help: "Seed of the draws: the same seed gives the same answer.")
    var seed: UInt64 = 0

    @Option(name: .customLong("stop"), help: ArgumentHelp("Text that ends an answer; may be repeated.", valueName: "text"))
    var stopStrings: [String] = []

    @Option(help: ArgumentHelp("Seconds until a request is given up.", valueName: "seconds"))
    var deadline = 120.0

    func validate() throws {
        if maximumTokens < 1 { throw ValidationError("--max-tokens is \(maximumTokens); at least 1 is needed") }
        if !(deadline > 0 && deadline <= 86_400) { throw ValidationError("--deadline is \(deadline); expected more than 0 and at most 86400 seconds") }
        if !(temperature >= 0 && temperature <= 100) { throw ValidationError("--temperature is \(temperature); expected 0 to 100") }
        if !(topP > 0 && topP <= 1) { throw ValidationError("--top-p is \(topP); expected more than 0 and at most 1") }
        if topK < 0 { throw ValidationError("--top-k is \(topK); expected 0 or more") }
    }

    func request(id: String, task: AnswerRequest.Task, images: [[UInt8]]) -> AnswerRequest {
        AnswerRequest(
            id: id, task: task, images: images,
            sampling: .init(temperature: temperature, topP: topP, topK: topK, seed: seed), maximumTokens: maximumTokens,
            stopStrings: stopStrings, deadlineMilliseconds: Int(deadline * 1000))
    }
}
