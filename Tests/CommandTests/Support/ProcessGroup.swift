import Synchronization

/// The processes of one test and their folder.
///
/// Everything of the test that is still in use holds the group, so a process ends with the test, whatever happens, but not
/// before: the compiler may release a variable after its last use.
final class ProcessGroup: Sendable {
    let folder: TemporaryFolder
    private let processes = Mutex<[ChildProcess]>([])

    init() throws { folder = try TemporaryFolder() }

    deinit { processes.withLock { $0.forEach { $0.kill() } } }

    func add(_ process: ChildProcess) { processes.withLock { $0.append(process) } }
}
