/// What one step of the engine computes: some rows of some requests, in one batch.
///
/// Every request that is decoding gets its one row, so that no prefill holds up the others; what is left of the row
/// budget goes to prefills in the order of arrival.
struct StepPlan: Equatable {
    /// What a request needs next.
    enum Need: Equatable {
        /// Prompt rows that are not computed yet.
        case prefill(Range<Int>)
        /// One row for the token chosen last.
        case decode
        /// The rows of one label, all at once.
        case label(rows: Int)
    }

    /// The share of one request.
    struct Item: Equatable {
        /// Index into the running requests.
        let request: Int
        let need: Need

        var rowCount: Int {
            switch need {
            case .prefill(let rows): rows.count
            case .decode: 1
            case .label(let rows): rows
            }
        }
    }

    let items: [Item]

    /// - Parameters:
    ///   - needs: one per running request, in the order of arrival.
    ///   - budget: rows of a step; a step has at least one row of somebody, and always every decode row.
    init(needs: [Need], budget: Int) {
        var items: [Item] = []
        var left = budget
        for (index, need) in needs.enumerated() where need == .decode {
            items.append(Item(request: index, need: need))
            left -= 1
        }
        for (index, need) in needs.enumerated() {
            switch need {
            case .decode: continue
            case .prefill(let rows):
                let count = min(rows.count, items.isEmpty ? max(1, left) : left)
                guard count > 0 else { continue }
                items.append(Item(request: index, need: .prefill(rows.lowerBound..<rows.lowerBound + count)))
                left -= count
            case .label(let rows):
                guard rows <= left || items.isEmpty else { continue }
                items.append(Item(request: index, need: need))
                left -= rows
            }
        }
        self.items = items
    }
}
