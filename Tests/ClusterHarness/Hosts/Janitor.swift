import Foundation
import Glibc

/// A process that waits for the end of another one and then removes its hosts.
final class Janitor: Sendable {
    private let pipe: Pipe
    private let process: Int32

    /// Hires one. It learns of this process's end by the end of a pipe.
    init(for owner: OwnerTag) throws {
        guard let program = Program.hostsPath else { throw HarnessError.noHostsProgram }
        pipe = try Pipe()
        process = try Spawning.start(
            program, ["janitor", owner.description], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
            input: .descriptor(pipe.reading), output: .file("/dev/null"), errors: .file("/dev/null"))
        pipe.closeReading()
    }

    deinit { dismiss() }

    func removeAlso(_ folder: String) { pipe.write(folder + "\n") }

    /// Everything is removed already.
    func dismiss() {
        pipe.closeWriting()
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }
}

/// What a janitor does, as a program.
package enum JanitorDuty {
    /// Waits for the end of standard input, then removes the owner's hosts, and the temporary folders that it was told of.
    package static func run(for owner: OwnerTag) throws {
        // Whoever ends the owner by a signal to many must not end this.
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number, SIG_IGN) }
        let told = String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
        try Leftovers.remove(of: owner)
        for folder in told.split(separator: "\n") where folder.hasPrefix(TemporaryFolder.prefix) && !folder.contains("..") {
            try? FileManager.default.removeItem(atPath: String(folder))
        }
    }
}
