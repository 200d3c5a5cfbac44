import Language
import Tensors

/// The tensors of one forward pass over a whole prompt, named as in the reference's golden values.
public struct ForwardTrace: Sendable {
    /// `pixel_values` [1, 3, S, S], `image_features` [1, P, C], `projected` [1, P, D], `input_ids` [1, T₀] (−200 where an
    /// image goes), `inputs_embeds` [1, T, D], `hidden.0` … `hidden.N` [1, T, D], `gate_logits.L` [T, K], `moe_in.L` and
    /// `moe_out.L` [1, T, D], `logits` [1, T, V], `greedy` [n].
    public let tensors: [String: Tensor]
    /// Rows per layer, expert and worker, the greedy tokens' included.
    public let routing: [AnswerSummary.RoutingEntry]
    /// Rows that passed each mixture layer.
    public let rows: Int
}

/// Collects observed rows chunk by chunk.
private final class TraceCollector: ForwardObserver {
    private(set) var parts: [String: (values: [Float], width: Int)] = [:]

    func observe(_ name: String, _ rows: Rows) {
        parts[name, default: ([], rows.width)].values += rows.values
    }
}

extension InferenceEngine {
    /// Runs a prompt, taken as it is, and keeps every named tensor.
    ///
    /// - Parameters:
    ///   - images: encoded image files, one per `<image>` of the prompt; at most one, as the golden values have it.
    ///   - maximumTokens: greedy tokens to append; the end token does not stop them.
    public func trace(prompt: String, images: [[UInt8]], maximumTokens: Int, deadline: Duration = .seconds(600)) async throws -> ForwardTrace {
        let machinery = try ready()
        let context = machinery.context
        let request = AnswerRequest(id: "trace", task: .prompt(prompt), images: images)
        let plan = try model.promptPlan(for: request)
        var imageTrace = ImageTrace()
        var encoded: [Rows] = []
        for image in images { encoded.append(try model.encodeImage(image, named: "image", context, trace: &imageTrace)) }
        let embedded = try model.embed(plan.segments, images: encoded)
        let count = embedded.rows.count
        let width = model.configuration.hiddenSize
        let cache = try model.backbone.makeCache(positions: min(model.configuration.contextLength, count + maximumTokens))

        let collector = TraceCollector()
        let tally = SharedTally()
        var logits: [Float] = []
        let end = ContinuousClock.now.advanced(by: deadline)
        for first in stride(from: 0, to: count, by: rowsPerStep) {
            let rows = embedded.rows.slice(first..<min(count, first + rowsPerStep))
            let hidden = try await tracedPass(rows, cache: cache, deadline: end, observer: collector, tally: tally)
            logits += try model.backbone.logits(hidden, context).values
        }

        var greedy: [Int64] = []
        var last = Array(logits.suffix(model.configuration.vocabularySize))
        while greedy.count < maximumTokens {
            let token = last.withUnsafeBufferPointer { GateChoice.largest($0, except: nil) }
            greedy.append(Int64(token))
            guard greedy.count < maximumTokens, cache.length < cache.capacity, cache.length < model.configuration.contextLength else { break }
            let row = Rows(count: 1, width: width)
            try model.backbone.embed(token, into: row.pointer)
            let hidden = try await tracedPass(row, cache: cache, deadline: end, observer: nil, tally: tally)
            last = try model.backbone.logits(hidden, context).values
        }

        var tensors: [String: Tensor] = [:]
        if !imageTrace.pixels.isEmpty {
            let side = model.towerConfiguration.imageSize
            tensors["pixel_values"] = try Tensor(imageTrace.pixels, shape: [1, 3, side, side])
        }
        tensors["image_features"] = try imageTrace.features.map { try $0.tensor(shape: [1, $0.count, $0.width]) }
        tensors["projected"] = try imageTrace.projected.map { try $0.tensor(shape: [1, $0.count, $0.width]) }
        tensors["input_ids"] = try Tensor(embedded.tokenIDs.map(Int64.init), shape: [1, embedded.tokenIDs.count])
        tensors["inputs_embeds"] = try embedded.rows.tensor(shape: [1, count, width])
        for (name, part) in collector.parts {
            // Gate outputs have no batch extent in the reference.
            let shape = name.hasPrefix("gate_logits") ? [count, part.width] : [1, count, part.width]
            tensors[name] = try Tensor(part.values, shape: shape)
        }
        tensors["logits"] = try Tensor(logits, shape: [1, count, model.configuration.vocabularySize])
        if !greedy.isEmpty { tensors["greedy"] = try Tensor(greedy, shape: [greedy.count]) }
        return ForwardTrace(tensors: tensors, routing: tally.tally.entries, rows: cache.length)
    }

    /// Runs rows of the one traced sequence and makes their positions valid.
    private func tracedPass(
        _ rows: Rows, cache: KeyValueCache, deadline: ContinuousClock.Instant, observer: TraceCollector?, tally: SharedTally
    ) async throws -> Rows {
        let machinery = try ready()
        let pass = ForwardPass(
            segments: [BatchSegment(cache: cache, firstRow: 0, count: rows.count, position: cache.length)],
            context: machinery.context, dispatch: machinery.dispatch, deadline: deadline, observer: observer,
            routed: { tally.tally.add(layer: $0.layer, expert: $0.expert, worker: $0.tallyName, rows: $0.rows.count) })
        do {
            let hidden = try await model.backbone(rows, pass)
            cache.advance(by: rows.count)
            return hidden
        } catch let error as TilesFailed {
            throw error.cause
        }
    }
}

/// A tally that several passes add to.
private final class SharedTally {
    var tally = RoutingTally()
}
