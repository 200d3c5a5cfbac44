/// What one step of the engine computes: some rows of some requests, in one batch.
///
/// Every request that is decoding gets its one row, so that no prefill holds up the others. Of the rows that are left, one
/// half goes to the request that came first and the other to those with the fewest rows to go: the former makes every
/// request's turn come, the latter gets a short prompt past a long one.
struct StepPlan: Equatable {
    /// What a request needs next.
    enum Need: Equatable {
        /// Prompt rows that are not computed yet.
        case prefill(Range<Int>)
        /// One row for the token chosen last.
        case decode
        /// The rows of one label, all at once.
        case label(rows: Int)

        var rowCount: Int {
            switch self {
            case .prefill(let rows): rows.count
            case .decode: 1
            case .label(let rows): rows
            }
        }
    }

    /// The share of one request.
    struct Item: Equatable {
        /// Index into the running requests.
        let request: Int
        let need: Need

        var rowCount: Int { need.rowCount }
    }

    /// Decode rows first, then the others; each in the order of arrival.
    let items: [Item]

    /// - Parameters:
    ///   - needs: one per running request, in the order of arrival.
    ///   - budget: rows of a step. Decode rows always go, and with them at least an eighth of the budget of others; only the
    ///     label of the request that came first may go beyond it.
    init(needs: [Need], budget: Int) {
        let decodes = needs.indices.filter { needs[$0] == .decode }
        let others = needs.indices.filter { needs[$0] != .decode }
        let spare = max(budget - decodes.count, StepPlan.reserve(of: budget))
        var granted: [Int: Int] = [:]
        var left = spare
        /// Gives a request up to `most` rows; a label all its rows or none.
        func grant(_ index: Int, upTo most: Int) {
            let wanted = needs[index].rowCount - granted[index, default: 0]
            if case .label = needs[index], wanted > most { return }
            let count = min(wanted, most)
            guard count > 0 else { return }
            granted[index, default: 0] += count
            left -= count
        }
        if let first = others.first {
            if case .label(let rows) = needs[first] { grant(first, upTo: rows) } else { grant(first, upTo: (spare + 1) / 2) }
        }
        let byRowsToGo = others.sorted { (needs[$0].rowCount, $0) < (needs[$1].rowCount, $1) }
        for index in byRowsToGo where left > 0 { grant(index, upTo: left) }

        items = decodes.map { Item(request: $0, need: .decode) }
            + others.compactMap { index in
                guard let count = granted[index], count > 0 else { return nil }
                guard case .prefill(let rows) = needs[index] else { return Item(request: index, need: needs[index]) }
                return Item(request: index, need: .prefill(rows.lowerBound..<rows.lowerBound + count))
            }
    }

    /// Rows that prefills and labels get beside any number of decode rows.
    static func reserve(of budget: Int) -> Int { max(1, budget / 8) }
}
