import Foundation
import Glibc

/// Programs of the system, run to their end. Each takes some milliseconds, in which the calling thread waits.
enum SystemTool {
    /// Where a program lies; nil when it is not installed.
    static func path(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
            + ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Runs a program.
    ///
    /// - Parameter input: what it reads; below 64 KiB
    /// - Returns: what it printed
    /// - Throws: `HarnessError` with what it complained of.
    @discardableResult
    static func run(_ name: String, _ arguments: [String], input: String = "") throws -> String {
        guard let program = path(name) else { throw HarnessError("\(name) is not installed") }
        guard input.utf8.count < 65_536 else { throw HarnessError("\(input.utf8.count) bytes of input for \(name), the limit is 65535") }
        let (toChild, fromChild) = (try Pipe(), try Pipe())
        let process = try Spawning.start(
            program, arguments, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"],
            input: .descriptor(toChild.reading), output: .descriptor(fromChild.writing), errors: .descriptor(fromChild.writing))
        toChild.closeReading()
        fromChild.closeWriting()
        toChild.write(input)
        toChild.closeWriting()
        let said = String(decoding: fromChild.readAll(), as: UTF8.self)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        guard status == 0 else {
            throw HarnessError("\(name) \(arguments.joined(separator: " ")) failed: \(said.trimmingCharacters(in: .whitespacesAndNewlines))")
        }
        return said
    }
}
