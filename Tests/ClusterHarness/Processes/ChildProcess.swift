import Foundation
import Glibc
import Synchronization

/// One process of the real program. It never outlives this value.
package final class ChildProcess: Sendable {
    package let arguments: [String]
    package let processID: pid_t
    private let outputPath: String
    private let errorsPath: String
    private let ended = Mutex<ProcessEnd?>(nil)

    /// Starts `program`; what it prints goes to files in `folder`, so that no pipe can fill up.
    ///
    /// - Parameter input: a descriptor that becomes its standard input; nil for none
    package init(
        _ program: String, _ arguments: [String], environment: [String: String], folder: TemporaryFolder, input: Int32? = nil
    ) throws {
        self.arguments = arguments
        let base = folder.path + "/" + UUID().uuidString.prefix(8)
        outputPath = base + ".out"
        errorsPath = base + ".err"
        processID = try Spawning.start(
            program, arguments, environment: environment, input: input.map { .descriptor($0) } ?? .file("/dev/null"),
            output: .file(outputPath), errors: .file(errorsPath))
    }

    deinit { kill() }

    package var output: String { contents(outputPath) }
    package var errors: String { contents(errorsPath) }

    private func contents(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }

    /// How it ended; nil while it runs.
    package var end: ProcessEnd? {
        ended.withLock { ended in
            if ended != nil { return ended }
            var status: Int32 = 0
            guard waitpid(processID, &status, WNOHANG) == processID else { return nil }
            let number = status & 0x7F
            ended = number == 0 ? .exited((status >> 8) & 0xFF) : .signalled(number)
            return ended
        }
    }

    package func signal(_ number: Int32) {
        // Never to a process id that the system may have given to somebody else.
        if end == nil { _ = Glibc.kill(processID, number) }
    }

    /// Ends it at once, and waits for that.
    package func kill() {
        ended.withLock { ended in
            guard ended == nil else { return }
            _ = Glibc.kill(processID, SIGKILL)
            var status: Int32 = 0
            while waitpid(processID, &status, 0) < 0, errno == EINTR {}
            ended = .signalled(SIGKILL)
        }
    }

    package var result: ProgramOutcome {
        ProgramOutcome(arguments: arguments, end: end ?? .signalled(0), output: output, errors: errors)
    }
}
