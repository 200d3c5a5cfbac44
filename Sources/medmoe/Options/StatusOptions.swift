import ArgumentParser
import Cluster
import MedMoE
import Wire

/// How the state of a coordinator is shown, for `medmoe cluster status` and its shorthand `medmoe status`.
struct StatusOptions: ParsableArguments {
    @OptionGroup var coordinator: CoordinatorOptions

    @Flag(help: "Show it again every second, until Ctrl-C.")
    var watch = false

    @Flag(help: "Print one JSON object (with --watch, one per line).")
    var json = false

    func show() async throws {
        try await coordinator.withClient { client in
            if watch {
                try await TerminationSignal.cancelling { try await repeatedly(client) }
            } else {
                let report = StatusReport(try await client.status())
                try Terminal.output(json ? report.json(pretty: true) + "\n" : report.text + "\n")
            }
        }
    }

    private func repeatedly(_ client: CoordinatorClient) async throws {
        while !Task.isCancelled {
            let block: String
            do {
                let report = StatusReport(try await client.status())
                block = json ? try report.json(pretty: false) : report.text
            } catch let error as AnswerError where error.code == .unavailable && !json {
                // Whoever watches a cluster wants to see a coordinator come back.
                block = "\(error)"
            }
            if json {
                try Terminal.output(block + "\n")
            } else if Terminal.outputIsTerminal {
                // Home, and what was there before goes.
                try Terminal.output("\u{1B}[H\u{1B}[J" + block + "\n")
            } else {
                try Terminal.output(block + "\n\n")
            }
            do { try await Task.sleep(for: .seconds(1)) } catch { return }
        }
    }
}
