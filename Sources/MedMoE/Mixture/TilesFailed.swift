/// Experts that some rows of a batch need could not be had: what went wrong, and whom it concerns.
///
/// A batch mixes the rows of several requests; this is what lets the others go on.
struct TilesFailed: Error, CustomStringConvertible {
    /// `.uncovered`, `.expertsLost` or `.deadline`.
    let cause: DispatchError
    /// Rows of the batch that need these experts, ascending; all rows when none of them can be told apart.
    let rows: [Int]

    var description: String { cause.description }
}

extension TilePlan {
    /// Says which rows a failed dispatch concerns; an error that names no experts stays as it is.
    func failure(_ error: DispatchError) -> any Error {
        let addresses: [ExpertAddress]
        switch error {
        case .uncovered(let list), .expertsLost(let list), .deadline(let list): addresses = list
        case .rejected, .overloaded, .cancelled: return error
        }
        let concerned = pieces.filter { addresses.contains(ExpertAddress(layer: layer, expert: $0.expert)) }
        let rows = Set((concerned.isEmpty ? pieces : concerned).flatMap(\.rows))
        return TilesFailed(cause: error, rows: rows.sorted())
    }
}
