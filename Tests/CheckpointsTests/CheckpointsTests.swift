import Foundation
import ModelFixtures
import Testing

@testable import Checkpoints

/// The folder of the bundled fixtures.
let fixtures = Bundle.module.resourcePath! + "/Fixtures"
/// The small models that several modules test with.
let models = ModelFixture.stableLM.folder.deletingLastPathComponent().path

/// The tiny StableLM checkpoint, as the public code saved it.
let tinyStableLM = models + "/tiny-stablelm/checkpoint"

/// A folder that lives as long as the object.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/checkpoints-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a file inside.
    func file(_ name: String) -> String { path + "/" + name }

    /// Writes a file and returns its path.
    func write(_ bytes: [UInt8], as name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    /// The names of what is inside, hidden files too.
    var contents: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
}

/// All bytes of a file.
func bytes(of path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }
