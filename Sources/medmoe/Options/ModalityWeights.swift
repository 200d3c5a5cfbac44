import ArgumentParser
import Foundation

/// Kinds of images and how often each is asked about: CT=3,MRI=1,none=1. Without a number: 1.
struct ModalityWeights: Sendable, Hashable, ExpressibleByArgument {
    /// Names as given, "none" for questions without an image.
    let weights: [(name: String, weight: Double)]

    init?(argument: String) {
        var weights: [(name: String, weight: Double)] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
            guard let name = sides.first, !name.isEmpty, name.utf8.count <= 64, sides.count <= 2,
                let weight = sides.count == 2 ? Double(sides[1]) : 1, weight >= 0, weight <= 1e6,
                !weights.contains(where: { $0.name == name })
            else { return nil }
            weights.append((name, weight))
        }
        guard weights.contains(where: { $0.weight > 0 }), weights.count <= 64 else { return nil }
        self.weights = weights
    }

    static func == (a: Self, b: Self) -> Bool { a.weights.map(\.name) == b.weights.map(\.name) && a.weights.map(\.weight) == b.weights.map(\.weight) }

    func hash(into hasher: inout Hasher) { for entry in weights { hasher.combine(entry.name) } }
}
