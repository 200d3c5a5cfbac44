import Synchronization

/// The processes of one test and their folder.
///
/// Everything of the test that is still in use holds the group, so a process ends with the test, whatever happens, but not
/// before: the compiler may release a variable after its last use.
package final class ProcessGroup: Sendable {
    package let folder: TemporaryFolder
    private let processes = Mutex<[ChildProcess]>([])

    package init() throws { folder = try TemporaryFolder() }

    deinit { processes.withLock { $0.forEach { $0.kill() } } }

    package func add(_ process: ChildProcess) { processes.withLock { $0.append(process) } }
}
