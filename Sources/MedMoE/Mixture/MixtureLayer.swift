import Checkpoints
import Tensors

/// The FFN of a mixture layer as the coordinator sees it: route, dispatch, combine.
struct MixtureLayer: Sendable {
    let layer: Int
    let router: Router

    /// - Parameter h: normed rows, `[rows, hidden]`
    /// - Returns: `[rows, hidden]`
    func callAsFunction(_ h: Rows, _ pass: ForwardPass, isolation: isolated (any Actor)? = #isolation) async throws -> Rows {
        pass.observer?.observe("moe_in.\(layer)", h)
        let routing = try router(h, pass.context)
        pass.observer?.observe("gate_logits.\(layer)", routing.logits)
        let plan = TilePlan(layer: layer, routing: routing, width: h.width)
        let ticket = pass.dispatch.submit(
            try plan.tiles(of: h, routing: routing), deadline: pass.deadline, whenUncovered: pass.whenUncovered)
        let results: [TileResult]
        do {
            results = try await waited(for: ticket)
        } catch let error as DispatchError {
            throw plan.failure(error)
        }
        let y = try plan.combine(results, rows: h.count, width: h.width)
        if let routed = pass.routed {
            for (piece, result) in zip(plan.pieces, results) { try report(piece, result, to: routed) }
        }
        pass.observer?.observe("moe_out.\(layer)", y)
        return y
    }

    private func waited(for ticket: any DispatchTicket, isolation: isolated (any Actor)? = #isolation) async throws -> [TileResult] {
        // Waiting leaves the compute thread and comes back: not for what is there already.
        if let settled = ticket.settled { return try settled.get() }
        return try await withTaskCancellationHandler {
            try await ticket.results()
        } onCancel: {
            ticket.cancel()
        }
    }

    /// Says who computed which rows.
    ///
    /// - Throws: `DispatchError.rejected` when not every row is accounted for.
    private func report(_ piece: TilePlan.Piece, _ result: TileResult, to routed: (RoutedTile) -> Void) throws {
        if result.degraded, result.shares.isEmpty {
            return routed(RoutedTile(layer: layer, expert: piece.expert, worker: nil, rows: piece.rows, degraded: true))
        }
        guard result.expertRows == (result.degraded ? 0 : piece.rows.count),
            result.shares.reduce(0, { $0 + $1.rows }) == piece.rows.count
        else {
            throw DispatchError.rejected(
                "\(result.shares.map(\.worker)) say they computed \(result.expertRows) rows of a tile of \(piece.rows.count)")
        }
        var rest = piece.rows[...]
        for share in result.shares {
            routed(
                RoutedTile(
                    layer: layer, expert: piece.expert, worker: share.worker, rows: Array(rest.prefix(share.rows)),
                    degraded: result.degraded))
            rest = rest.dropFirst(share.rows)
        }
    }
}
