import Foundation
import Glibc

/// A new private folder with a short path (socket paths may have 107 bytes), removed with this value.
package final class TemporaryFolder: Sendable {
    package let path: String

    /// How all their paths begin.
    static let prefix = "/tmp/mm-"

    package init() throws {
        var template = Array((TemporaryFolder.prefix + "XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw TooLate(description: "no folder in /tmp: \(String(cString: strerror(errno)))") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    package func appending(_ name: String) -> String { path + "/" + name }

    /// Writes a file and returns its path.
    @discardableResult
    package func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let file = appending(name)
        try Data(bytes).write(to: URL(filePath: file))
        return file
    }

    @discardableResult
    package func write(_ name: String, _ text: String) throws -> String { try write(name, text.utf8) }
}
