import ArgumentParser
import Foundation

/// A range of whole numbers as people write it: 16..64, or 16 for 16 alone.
struct CountRange: Sendable, Hashable, ExpressibleByArgument {
    let bounds: ClosedRange<Int>

    /// From 1 to a million, the lower end first.
    init?(argument: String) {
        let ends = argument.components(separatedBy: "..").map { Int($0) }
        guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first >= 1, first <= last, last <= 1_000_000 else { return nil }
        bounds = first...last
    }
}
