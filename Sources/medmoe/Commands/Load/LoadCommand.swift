import ArgumentParser
import Cluster
import Foundation
import Load
import MedMoE

/// `medmoe load`
struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Puts load on a cluster and measures latencies, throughput and what went wrong.",
        discussion: """
            Open loop (--rate) makes requests at random times whatever becomes of earlier ones, as independent people do, and \
            counts latencies from the time at which a request was due: a cluster that stalls cannot hide it. Closed loop \
            (--concurrency) finds the most that a cluster can do.

              medmoe load --coordinator tcp://HOST:PORT --concurrency 16
              medmoe load --rate 5 --duration 60 --ttft-limit 500 --json report.json
              medmoe load --dispatch --listen tcp://HOST:PORT --model DIR

            With --dispatch it loads the expert stage alone: this command is a coordinator without a model: workers connect to it, and it sends them tiles of \
            random rows. Ctrl-C ends a load early, with a report of what was. TTFT is the time to the first token, TPOT the mean time per further token \
            of a request, ITL the time between two tokens.
            """,
        subcommands: [LoadPlotCommand.self])

    @Flag(help: "Load the expert stage alone.")
    var dispatch = false

    @OptionGroup(title: "When") var pattern: LoadPatternOptions
    @OptionGroup(title: "Questions to coordinators") var answers: AnswerLoadOptions
    @OptionGroup(title: "With --dispatch: tiles to workers") var tiles: DispatchLoadOptions
    @OptionGroup(title: "Links") var link: LinkOptions
    @OptionGroup(title: "Output") var output: LoadOutputOptions

    func validate() throws {
        if dispatch {
            if answers.isGiven { throw ValidationError("With --dispatch there are no questions: leave out the options about coordinators, questions and their limits.") }
            if tiles.listen.isEmpty { throw ValidationError("--dispatch needs --listen ADDRESS, where workers connect.") }
            if tiles.modelFolder == nil { throw ValidationError("--dispatch needs --model DIR, whose experts the workers hold.") }
        } else if tiles.isGiven {
            throw ValidationError("--listen, --model, --rows, --hot-expert, --workers and --patience belong to --dispatch.")
        }
    }

    func run() async throws {
        try output.prepare()
        try await TerminationSignal.cancelling {
            if dispatch {
                try await DispatchLoad(pattern: pattern, options: tiles, link: link, output: output).run()
            } else {
                try await AnswerLoad(pattern: pattern, options: answers, link: link, output: output).run()
            }
        }
    }
}
