import Logging
import MedMoE
import Synchronization
import Tensors
import Testing
import Wire

@testable import Cluster

/// A small generator with a seed (SplitMix64), so that a failure can be repeated.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A float32 matrix from its numbers.
func matrix(_ rows: Int, _ width: Int, _ value: (Int) -> Float) throws -> Tensor {
    let storage = Storage.filled(byteCount: rows * width * 4) { bytes in
        for index in 0..<rows * width { bytes.storeBytes(of: value(index), toByteOffset: index * 4, as: Float.self) }
    }
    return try Tensor(dtype: .float32, shape: [rows, width], storage: storage)
}

func numbers(_ tensor: Tensor) -> [Float] {
    tensor.withUnsafeBytes { bytes in
        stride(from: 0, to: bytes.count, by: 4).map { bytes.loadUnaligned(fromByteOffset: $0, as: Float.self) }
    }
}

func tile(_ layer: Int, _ expert: Int, rows: Int = 1, width: Int = 4, seed: Int = 0) throws -> ExpertTile {
    ExpertTile(
        address: ExpertAddress(layer: layer, expert: expert), rows: try matrix(rows, width) { Float($0 + seed) },
        factors: (0..<rows).map { Float($0 + 1) }, metaFactors: nil)
}

func digest(_ address: ExpertAddress, model: UInt8 = 1) throws -> ExpertDigest {
    try #require(ExpertDigest(bytes: [model, UInt8(address.layer), UInt8(address.expert)] + Array(repeating: 0, count: 29)))
}

func addresses(layers: Range<Int>, experts: [Int]) -> [ExpertAddress] {
    layers.flatMap { layer in experts.map { ExpertAddress(layer: layer, expert: $0) } }
}

func holdings(_ addresses: [ExpertAddress], width: Int = 4, model: UInt8 = 1) throws -> WorkerHoldings {
    WorkerHoldings(
        width: width, experts: try Dictionary(uniqueKeysWithValues: addresses.map { ($0, try digest($0, model: model)) }), metas: [:])
}

/// Multiplies rows by their factor and by the expert's number plus one.
struct FakeBank: TileComputing {
    var holdings: WorkerHoldings
    /// Runs before each tile.
    var before: @Sendable () async throws -> Void = {}
    var spoil: @Sendable (Tensor) throws -> Tensor = { $0 }

    func compute(_ tile: ExpertTile) async throws -> Tensor {
        try await before()
        return try spoil(try expected(tile))
    }
}

func expected(_ tile: ExpertTile) throws -> Tensor {
    let input = numbers(tile.rows)
    let width = tile.rows.shape[1]
    return try matrix(tile.rowCount, width) { input[$0] * tile.factors[$0 / width] * Float(tile.address.expert + 1) }
}

/// A gate that tests open.
final class Gate: Sendable {
    private let state = Mutex<(open: Bool, waiters: [CheckedContinuation<Void, Never>], arrived: Int)>((false, [], 0))

    func wait() async {
        await withCheckedContinuation { continuation in
            let open = state.withLock { state in
                state.arrived += 1
                if !state.open { state.waiters.append(continuation) }
                return state.open
            }
            if open { continuation.resume() }
        }
    }

    func open() {
        let waiters = state.withLock { state in
            state.open = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// How many came so far.
    var arrived: Int { state.withLock { $0.arrived } }
}

struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

/// Asks until the answer is yes, or fails after ten seconds.
func eventually(_ what: String, within limit: Duration = .seconds(10), _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw TimedOut(description: "not within \(limit): \(what)") }
        try await Task.sleep(for: .milliseconds(2))
    }
}

var quiet: Logger {
    Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}
