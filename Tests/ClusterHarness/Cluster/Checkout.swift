import Foundation

/// What lies in this checkout.
package enum Checkout {
    package static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    package static let bundledModel = root.appending(path: "cluster/models/medmoe-tiny").path

    package static func image(_ name: String) -> String { root.appending(path: "cluster/images/\(name)").path }

    package static let chest = image("synpic17738.jpg")
    package static let brain = image("synpic17153.jpg")
    package static let bowel = image("synpic25105.jpg")
}
