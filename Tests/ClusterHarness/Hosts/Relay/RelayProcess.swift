import Glibc
import Synchronization

/// A relay between a far host and the switch, in a process of its own.
final class RelayProcess: Sendable {
    private let pipe: Pipe
    private let process: ChildProcess
    /// What it prints.
    let folder: TemporaryFolder
    /// Lines that were said, the greeting among them.
    private let said = Mutex(0)

    init(between ends: [(namespace: String, device: String)]) throws {
        guard let program = Program.hostsPath else { throw HarnessError.noHostsProgram }
        pipe = try Pipe()
        folder = try TemporaryFolder()
        process = try ChildProcess(
            program, ["relay"] + ends.map { "\($0.namespace)/\($0.device)" }, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
            folder: folder, input: pipe.reading)
        pipe.closeReading()
        try awaitLine()
    }

    deinit { process.kill() }

    /// Returns when the packets that come from now on travel like that.
    func set(_ travel: PacketTravel) throws {
        guard pipe.write(travel.line + "\n") else { throw HarnessError("a relay has ended: \(process.result)") }
        try awaitLine()
    }

    func stop() { process.kill() }

    private func awaitLine() throws {
        try said.withLock { said in
            let deadline = ContinuousClock.now.advanced(by: .seconds(10))
            while true {
                let lines = process.output.split(separator: "\n")
                if lines.count > said {
                    said = lines.count
                    guard lines.last == "ok" else { throw HarnessError("a relay says: \(lines.last ?? "")") }
                    return
                }
                if process.end != nil { throw HarnessError("a relay has ended: \(process.result)") }
                guard ContinuousClock.now < deadline else { throw HarnessError("a relay does not answer within 10 s") }
                usleep(1000)
            }
        }
    }
}
