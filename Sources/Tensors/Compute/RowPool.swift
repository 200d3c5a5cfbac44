import Foundation

/// A few threads that share a loop.
///
/// The iterations must not depend on each other; which thread runs which one never changes a result. Only the compute
/// thread calls `forEach`, and it takes part itself, so a pool of one thread has no helpers at all.
public final class RowPool: @unchecked Sendable {
    private let condition = NSCondition()
    // All below is guarded by `condition`.
    private var body: (@Sendable (Int) -> Void)?
    private var next = 0
    private var end = 0
    private var unfinished = 0
    private var stopped = false

    /// Threads that take part, the caller's included.
    public let threadCount: Int

    public init(threadCount: Int) {
        self.threadCount = max(1, threadCount)
        for index in 1..<max(2, self.threadCount) where index < self.threadCount {
            let thread = Thread { [weak self] in
                Thread.current.name = "medmoe-rows-\(index)"
                while let pool = self, pool.help() {}
            }
            thread.stackSize = 1 << 20
            thread.start()
        }
    }

    /// Ends the helpers. The pool then works on, alone.
    public func stop() {
        condition.withLock {
            stopped = true
            condition.broadcast()
        }
    }

    /// Runs `body` for every index below `count` and returns when all are done.
    public func forEach(_ count: Int, _ body: (Int) -> Void) {
        guard count > 1, threadCount > 1 else {
            for index in 0..<count { body(index) }
            return
        }
        withoutActuallyEscaping(body) { escaping in
            // Helpers only see the closure between here and the end of this call: `unfinished` counts them out.
            nonisolated(unsafe) let shared = escaping
            condition.withLock {
                self.body = { shared($0) }
                next = 0
                end = count
                unfinished = count
                condition.broadcast()
            }
            while takeOne(waiting: false) {}
            condition.withLock {
                while unfinished > 0 { condition.wait() }
                self.body = nil
            }
        }
    }

    /// One round of a helper; false when the pool is over.
    private func help() -> Bool { takeOne(waiting: true) }

    private func takeOne(waiting: Bool) -> Bool {
        condition.lock()
        while next >= end {
            guard waiting, !stopped else {
                condition.unlock()
                return false
            }
            condition.wait()
        }
        let index = next
        next += 1
        var body = self.body
        condition.unlock()
        body?(index)
        // Let go of it before saying so: the caller's closure must not be held when its call returns.
        body = nil
        condition.withLock {
            unfinished -= 1
            if unfinished == 0 { condition.broadcast() }
        }
        return true
    }
}
