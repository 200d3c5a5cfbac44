/// The normalised pixels that the image encoder takes.
public struct PixelValues: Sendable, Equatable {
    /// Width and height in pixels.
    public let side: Int
    /// `3 * side * side` values in the order [channel (R, G, B), row, column].
    public let values: [Float]
}
