import Tensors

/// Rows of a batch on their way through the backbone.
struct ForwardPass {
    /// Where each sequence's rows lie.
    let segments: [BatchSegment]
    let context: ComputeContext
    let dispatch: any ExpertDispatch
    /// When waiting for experts becomes pointless.
    let deadline: ContinuousClock.Instant
    /// Whether to wait for experts that nobody holds, or to hear of it soon.
    var whenUncovered: WhenUncovered = .wait
    /// Sees every named tensor, for tracing; nil in serving.
    var observer: (any ForwardObserver)?
    /// Sees who computed which rows.
    var routed: ((RoutedTile) -> Void)?
}

/// One tile of one mixture layer, after it came back.
struct RoutedTile {
    let layer: Int
    let expert: Int
    /// Who computed the rows; nil when nobody did and the expert's part was left out.
    let worker: String?
    /// Rows of the batch that the worker computed.
    let rows: [Int]
    /// The domain expert was left out: these rows have the meta expert's part alone, or none.
    let degraded: Bool

    /// What a routing table says in the worker's place. Rows without their expert get a column of their own, so that they
    /// are not taken for the expert's work.
    var tallyName: String {
        guard let worker else { return "(nobody)" }
        // A name of the greatest length must still fit its field with the addition.
        return degraded ? String(decoding: worker.utf8.prefix(100), as: UTF8.self) + " (meta only)" : worker
    }
}

/// Looks at intermediate values; names are those of the reference's golden tensors.
protocol ForwardObserver: AnyObject {
    /// - Parameters:
    ///   - name: such as `hidden.3` or `moe_in.2`.
    ///   - rows: the batch's rows, only valid during the call.
    func observe(_ name: String, _ rows: Rows)
}
