import Foundation
import MedMoE
import Tensors
import Testing
import Wire

@testable import Cluster

private struct EchoBank: TileComputing {
    let holdings: WorkerHoldings

    func compute(_ tile: ExpertTile) async throws -> Tensor { tile.rows }
}

@Suite(.serialized) struct RoundTripTests {
    /// Prints what one tile costs: set MEDMOE_MEASURE=1 and build for release.
    @Test(
        .enabled(if: ProcessInfo.processInfo.environment["MEDMOE_MEASURE"] != nil, "a measurement: set MEDMOE_MEASURE=1"),
        arguments: [true, false])
    func roundTripOfATile(ipc: Bool) async throws {
        let width = 2048
        let cluster = try await TestCluster.start(ipc: ipc, width: width)
        let worker = try await WorkerEndpoint.start(
            .init(name: "echo", coordinators: cluster.coordinator.listening),
            computing: EchoBank(holdings: try holdings(addresses(layers: 0..<2, experts: [0, 1]), width: width)), logger: quiet)
        try await cluster.covered()
        for rows in [1, 128] {
            let one = try tile(0, 0, rows: rows, width: width)
            var times: [Duration] = []
            for round in 0..<2200 {
                let start = ContinuousClock.now
                _ = try await cluster.coordinator.dispatch.submit([one], deadline: .now + .seconds(10)).results()
                if round >= 200 { times.append(start.duration(to: .now)) }
            }
            times.sort()
            let text = [0.5, 0.9, 0.99].map { "p\(Int($0 * 100)) \(Int(times[Int(Double(times.count) * $0)] / .microseconds(1))) µs" }
            print("round trip over \(ipc ? "ipc" : "tcp"), \(rows * width * 4) bytes each way: \(text.joined(separator: ", "))")
        }
        await worker.stop()
        await cluster.stop()
    }
}
