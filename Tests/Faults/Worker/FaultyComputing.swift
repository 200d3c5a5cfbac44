import Cluster
import ClusterHarness
import Foundation
import Glibc
import MedMoE
import Tensors

/// Misbehaviour that shows in computing.
actor FaultyComputing: TileComputing {
    nonisolated var holdings: WorkerHoldings { worker.holdings }
    private let worker: ExpertWorker
    private let fault: FaultDescription
    private var count = 0
    private var usual = Duration.zero
    private var leaked = 0

    init(_ worker: ExpertWorker, _ fault: FaultDescription) {
        self.worker = worker
        self.fault = fault
    }

    func rowsAreIndependent() async throws -> Bool { try await worker.rowsAreIndependent() }

    func load(_ add: Set<Int>, dropping drop: Set<Int>) async throws -> WorkerHoldings { try await worker.load(add, dropping: drop) }

    func unload(_ experts: Set<Int>) async { await worker.unload(experts) }

    func compute(_ tile: ExpertTile) async throws -> Tensor {
        count += 1
        let isConcerned = fault.concerns(count)
        if isConcerned, fault.kind == .killComputing { dieAfter(usual / 2) }
        if isConcerned, fault.kind == .leak { leak() }
        let start = ContinuousClock.now
        let rows = try await worker.compute(tile)
        usual = start.duration(to: .now)
        if isConcerned, fault.kind == .slow { try await Task.sleep(for: usual * 19) }
        // Its own thread ends the process: no reply may leave before.
        if isConcerned, fault.kind == .killComputing { try await Task.sleep(for: .seconds(60)) }
        return rows
    }

    private func dieAfter(_ pause: Duration) {
        let microseconds = UInt32(clamping: Int64(pause / .microseconds(1)))
        Thread.detachNewThread {
            usleep(microseconds)
            kill(getpid(), SIGKILL)
        }
    }

    /// Takes memory and never gives it back.
    private func leak() {
        let size = 8 << 20
        guard leaked < 1 << 30, let block = malloc(size) else { abort() }
        // Only what is written to counts.
        memset(block, 1, size)
        leaked += size
    }
}
