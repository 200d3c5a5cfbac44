/// One direction of a diagram.
public struct Axis: Sendable, Hashable {
    public enum Scale: Sendable, Hashable {
        case linear
        /// Values above 0 only.
        case logarithmic
        /// Percentiles from 0 to below 100, stretched towards 100: 90, 99 and 99.9 are equally far apart.
        case percentile
        /// Named places; a value is the index of one.
        case categories([String])
    }

    public var label: String
    public var scale: Scale
    /// What must be in sight; the data's own extent is added to it.
    public var includes: [Double]

    public init(_ label: String, _ scale: Scale = .linear, including includes: [Double] = []) {
        self.label = label
        self.scale = scale
        self.includes = includes
    }
}
