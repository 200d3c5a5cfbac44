import Tensors

/// Rows of a batch on their way through the backbone.
struct ForwardPass {
    /// Where each sequence's rows lie.
    let segments: [BatchSegment]
    let context: ComputeContext
    let dispatch: any ExpertDispatch
    /// When waiting for experts becomes pointless.
    let deadline: ContinuousClock.Instant
    /// Sees every named tensor, for tracing; nil in serving.
    var observer: (any ForwardObserver)?
    /// Sees who computed which rows.
    var routed: ((RoutedTile) -> Void)?
}

/// One tile of one mixture layer, after it came back.
struct RoutedTile {
    let layer: Int
    let expert: Int
    let worker: String
    /// Rows of the batch that the worker computed.
    let rows: [Int]
}

/// Looks at intermediate values; names are those of the reference's golden tensors.
protocol ForwardObserver: AnyObject {
    /// - Parameters:
    ///   - name: such as `hidden.3` or `moe_in.2`.
    ///   - rows: the batch's rows, only valid during the call.
    func observe(_ name: String, _ rows: Rows)
}
