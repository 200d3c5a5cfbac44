import Foundation
import Testing

private let packageFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

private let hasCompiler = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .contains { FileManager.default.isExecutableFile(atPath: "\($0)/protoc-c") }

@Suite struct GeneratedCodeTests {
    @Test(.enabled(if: hasCompiler, "protoc-c is not installed: the committed code is not compared with the proto files"))
    func committedCodeIsWhatTheProtoFilesSay() throws {
        let process = Process()
        process.executableURL = packageFolder.appendingPathComponent("proto/generate")
        process.arguments = ["--check"]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "run proto/generate and commit what it writes")
    }
}
