/// How an image that is not square becomes one.
public enum AspectMode: String, Sendable, CaseIterable {
    /// Nothing is lost: the image is centred on a square of the mean colour, then scaled.
    case pad
    /// The image is scaled until its short side fits, and the middle of its long side is kept.
    case crop
}
