import Tensors

/// The rows of one step, gathered from its requests.
struct StepBatch {
    /// One request's part of the batch.
    struct Share {
        let request: RunningRequest
        let need: StepPlan.Need
        let firstRow: Int
        let rowCount: Int
        /// Positions of its cache that become valid when the step succeeds.
        let advance: Int
        /// Where its logits begin among the rows that get logits; nil when it needs none.
        let firstLogitRow: Int?
        let logitRowCount: Int
    }

    let shares: [Share]
    let segments: [BatchSegment]
    /// Embedded rows, `[rows, hidden]`.
    let input: Rows
    /// Rows of the batch that go through the head.
    let logitRows: [Int]

    /// When the first of the requests is out of time.
    var deadline: ContinuousClock.Instant? { shares.map(\.request.deadline).min() }

    init(_ items: [(request: RunningRequest, need: StepPlan.Need)], model: MedMoEModel) throws {
        var shares: [Share] = []
        var segments: [BatchSegment] = []
        var logitRows: [Int] = []
        let total = items.reduce(0) { $0 + StepPlan.Item(request: 0, need: $1.need).rowCount }
        input = Rows(count: total, width: model.configuration.hiddenSize)
        var row = 0
        for (request, need) in items {
            guard let prompt = request.prompt, let cache = request.cache else { continue }
            let position: Int
            var logits: Range<Int> = row..<row
            let count = StepPlan.Item(request: 0, need: need).rowCount
            switch need {
            case .prefill(let rows):
                position = rows.lowerBound
                input.row(row).update(from: prompt.rows.row(rows.lowerBound), count: rows.count * input.width)
                if rows.upperBound == prompt.rows.count { logits = row + count - 1..<row + count }
            case .decode:
                position = cache.length
                guard let last = request.tokens.last else { continue }
                try model.backbone.embed(last, into: input.row(row))
                logits = row..<row + 1
            case .label:
                // Rows of a label are forgotten again: the next label starts behind the prompt, too.
                position = prompt.rows.count
                guard case .classify(let labels, let found) = request.goal else { continue }
                for (offset, token) in labels[found.count].tokens.dropLast().enumerated() {
                    try model.backbone.embed(token, into: input.row(row + offset))
                }
                logits = row..<row + count
            }
            let advance = if case .label = need { 0 } else { count }
            shares.append(
                Share(
                    request: request, need: need, firstRow: row, rowCount: count, advance: advance,
                    firstLogitRow: logits.isEmpty ? nil : logitRows.count, logitRowCount: logits.count))
            segments.append(BatchSegment(cache: cache, firstRow: row, count: count, position: position))
            logitRows += logits
            row += count
        }
        self.shares = shares
        self.segments = segments
        self.logitRows = logitRows
    }

    /// Books the rows that workers computed on the requests that they belong to.
    func count(_ tiles: [RoutedTile]) {
        for tile in tiles {
            for share in shares {
                let mine = tile.rows.count { $0 >= share.firstRow && $0 < share.firstRow + share.rowCount }
                guard mine > 0 else { continue }
                share.request.tally.add(layer: tile.layer, expert: tile.expert, worker: tile.tallyName, rows: mine)
                if tile.degraded { share.request.isDegraded = true }
            }
        }
    }
}
