/// A figure of curves over two axes.
public struct Plot: Sendable, Hashable {
    public var title: String

    public init(title: String) { self.title = title }
}
