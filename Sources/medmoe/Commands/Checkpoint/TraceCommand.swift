import ArgumentParser
import Checkpoints
import Foundation
import MedMoE

/// `medmoe trace`
struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Writes the tensors of one forward pass, for people who debug or port a model.",
        discussion: """
            The output is a safetensors file: pixel_values, image_features, projected, input_ids, inputs_embeds, hidden.N, \
            gate_logits.L, moe_in.L, moe_out.L, logits and greedy. The prompt is taken as it is: write the whole \
            conversation, with <image> where the image goes. Greedy tokens do not stop at the end token.
            """)

    @OptionGroup(title: "Where the model runs") var source: SourceOptions

    @Option(help: ArgumentHelp("JPEG or PNG file for the <image> of the prompt.", valueName: "file"))
    var image: String?

    @Option(help: ArgumentHelp("The whole prompt.", valueName: "text"))
    var prompt: String

    @Option(help: ArgumentHelp("File to write.", valueName: "file.safetensors"))
    var out: String

    @Option(name: .customLong("max-tokens"), help: ArgumentHelp("Greedy tokens to append.", valueName: "n"))
    var maximumTokens = 12

    @Flag(help: "Print the routing as one JSON object on standard output instead of a table on standard error.")
    var json = false

    private struct Report: Encodable {
        /// Rows that passed each mixture layer.
        var rows: Int
        var routing: [AnswerRecord.Routing]
    }

    func validate() throws {
        if !(0...100_000).contains(maximumTokens) { throw ValidationError("--max-tokens is \(maximumTokens); expected 0 to 100000") }
    }

    func run() async throws {
        let images = try (image.map { [$0] } ?? []).map { try ImageFile(path: $0) }
        try await source.withAnswerer { answerer in
            guard let engine = answerer.engine as? InferenceEngine else {
                throw ValidationError("A trace needs the model in this process: give --model DIR, with or without --workers.")
            }
            let trace = try await naming(images) {
                try await engine.trace(prompt: prompt, images: images.map(\.bytes), maximumTokens: maximumTokens)
            }
            try SafetensorsWriter.write(trace.tensors, metadata: ["format": "medmoe-trace"], to: out)
            if json {
                let routing = trace.routing.map { AnswerRecord.Routing($0, domains: answerer.domains) }
                try Terminal.output(jsonLine(Report(rows: trace.rows, routing: routing)) + "\n")
            } else {
                Terminal.note(RoutingTable(trace.routing, domains: answerer.domains).text)
            }
        }
    }
}
