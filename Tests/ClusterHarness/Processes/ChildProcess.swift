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
    package init(_ program: String, _ arguments: [String], environment: [String: String], folder: TemporaryFolder) throws {
        self.arguments = arguments
        let base = folder.path + "/" + UUID().uuidString.prefix(8)
        outputPath = base + ".out"
        errorsPath = base + ".err"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errorsPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        // Descriptors of other tests must not live on in this process.
        for descriptor in 3..<Int32(256) { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))
        var words = ([program] + arguments).map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { (words + variables).forEach { free($0) } }
        var identifier: pid_t = 0
        let failure = posix_spawn(&identifier, program, &actions, &attributes, &words, &variables)
        guard failure == 0 else { throw TooLate(description: "\(program) cannot be started: \(String(cString: strerror(failure)))") }
        processID = identifier
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
