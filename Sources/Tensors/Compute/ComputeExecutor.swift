import Foundation

/// A dedicated thread that runs jobs one after the other: those of the actors that live on it, and those of tasks that
/// prefer it.
///
/// Whatever computes for more than a millisecond runs here instead of on Swift's cooperative pool, which has only as many
/// threads as there are cores.
public final class ComputeExecutor: SerialExecutor, TaskExecutor, @unchecked Sendable {
    private let condition = NSCondition()
    // Guarded by `condition`.
    private var jobs: [UnownedJob] = []
    private var stopped = false

    public init(name: String = "medmoe-compute") {
        let thread = Thread { [weak self] in
            // Set from inside: a name given before the start does not reach the thread.
            Thread.current.name = name
            while let ready = self?.waitForJobs() {
                for job in ready.jobs { job.runSynchronously(isolatedTo: ready.serial, taskExecutor: ready.task) }
            }
        }
        thread.stackSize = 8 << 20
        thread.start()
    }

    deinit { stop() }

    /// Ends the thread after the jobs that are already there.
    public func stop() {
        condition.withLock {
            stopped = true
            condition.broadcast()
        }
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        condition.withLock {
            jobs.append(unowned)
            condition.signal()
        }
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    public func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }

    private typealias Ready = (jobs: [UnownedJob], serial: UnownedSerialExecutor, task: UnownedTaskExecutor)

    private func waitForJobs() -> Ready? {
        condition.lock()
        defer { condition.unlock() }
        while jobs.isEmpty {
            if stopped { return nil }
            condition.wait()
        }
        let ready = jobs
        jobs.removeAll(keepingCapacity: true)
        return (ready, asUnownedSerialExecutor(), asUnownedTaskExecutor())
    }
}
