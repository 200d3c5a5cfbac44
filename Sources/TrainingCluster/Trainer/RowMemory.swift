import Training

/// Bytes that one row takes at a trainer, beside its place in a message.
///
/// Of a row are counted: as it came, h, E(h), dY, dH, as it goes (each `hidden` wide), and what is between the layers.
struct RowMemory {
    /// While its pass is computed, in either direction.
    let computing: Int
    /// From the forward pass until its gradient comes: h, E(h), and what is between the layers.
    let open: Int

    init(_ shape: FeedForwardShape) {
        let kept = switch shape.kind {
            // Of both first layers.
            case .gated: 2
            case .twoLayers: 1
        }
        open = (2 * shape.hidden + kept * shape.inner) * MemoryLayout<Float>.size
        // Besides, the activation forward, and its gradient backward.
        computing = (6 * shape.hidden + (kept + 1) * shape.inner) * MemoryLayout<Float>.size
    }
}
