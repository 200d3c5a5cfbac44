import Synchronization
import Wire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One thread of our own on which tasks compute for as long as they like.
///
/// Swift's cooperative pool has as many threads as cores; a matrix product there would stall everything else.
final class ComputeThread: TaskExecutor {
    private struct Queue {
        var jobs: [UnownedJob] = []
        var stopping = false
    }

    private let queue = Mutex(Queue())
    private let wakeUp: ThreadGate

    /// - Throws: `SocketError.system` when the system gives no thread.
    init(name: String) throws {
        wakeUp = ThreadGate()
        // The thread keeps its executor alive until `stop`.
        try DedicatedThread.run(name: name) { [self] in run() }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.withLock { $0.jobs.append(job) }
        wakeUp.open()
    }

    /// Ends the thread when nothing is left to run.
    func stop() {
        queue.withLock { $0.stopping = true }
        wakeUp.open()
    }

    private func run() {
        while true {
            wakeUp.wait()
            let (jobs, stopping) = queue.withLock { queue in
                defer { queue.jobs = [] }
                return (queue.jobs, queue.stopping)
            }
            for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
            if stopping, jobs.isEmpty { return }
            if stopping { wakeUp.open() }
        }
    }
}

/// A semaphore.
private final class ThreadGate: @unchecked Sendable {
    // A semaphore must not move, and may be used by any thread.
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func open() { sem_post(semaphore) }

    func wait() { while sem_wait(semaphore) != 0 {} }
}
