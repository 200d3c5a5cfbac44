import Foundation
import Glibc

/// Settings that the matrix libraries read when they are loaded, before any line of ours runs.
enum ProcessEnvironment {
    /// What must be set, and what must not.
    ///
    /// A pool that spins while it waits takes the cores of the neighbouring processes; a forced kernel choice makes
    /// OpenBLAS slow and gives other bits than on the other hosts.
    static func corrected(_ environment: [String: String]) -> [String: String] {
        var result = environment
        result["OPENBLAS_CORETYPE"] = nil
        if result["OMP_WAIT_POLICY"] == nil { result["OMP_WAIT_POLICY"] = "passive" }
        return result
    }

    /// Makes a file that grows beyond the allowed size (`ulimit -f`) an error of the write, which is told, instead of a silent death.
    static func ignoreFileSizeSignal() { signal(SIGXFSZ, SIG_IGN) }

    /// Lets the process end without the exit handlers of the matrix libraries: they free what a compute thread that is still
    /// busy (a signal came in the middle of a tile) goes on using. What is buffered is written first.
    static func skipLibrariesAtExit() {
        on_exit(
            { status, _ in
                fflush(nil)
                _exit(status)
            }, nil)
    }

    /// Starts this program again with the corrected environment when it was started with another. Returns when nothing
    /// had to change, or when the system refuses: then it is merely slower.
    static func prepare() {
        let current = ProcessInfo.processInfo.environment
        let wanted = corrected(current)
        guard wanted != current else { return }
        var arguments = CommandLine.arguments.map { strdup($0) }
        var variables = wanted.map { strdup("\($0)=\($1)") }
        arguments.append(nil)
        variables.append(nil)
        defer { (arguments + variables).forEach { free($0) } }
        // By its own name, so that it can be found among the processes.
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/proc/self/exe"
        _ = execve(program, arguments, variables)
    }
}
