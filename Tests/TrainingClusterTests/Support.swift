import Foundation
import Logging
import Synchronization
import Tensors
import Testing
import Wire

@testable import TrainingCluster

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

/// A float32 tensor from its numbers.
func tensor(_ shape: [Int], _ value: (Int) -> Float) throws -> Tensor {
    let count = shape.reduce(1, *)
    let storage = Storage.filled(byteCount: count * 4) { bytes in
        for index in 0..<count { bytes.storeBytes(of: value(index), toByteOffset: index * 4, as: Float.self) }
    }
    return try Tensor(dtype: .float32, shape: shape, storage: storage)
}

func numbers(_ tensor: Tensor?) -> [Float] {
    tensor?.withUnsafeBytes { bytes in
        stride(from: 0, to: bytes.count, by: 4).map { bytes.loadUnaligned(fromByteOffset: $0, as: Float.self) }
    } ?? []
}

func opening(_ steps: UInt64 = 0) -> TrainerCall {
    .open(
        OpenedExperts(
            network: .gated, hidden: 4, inner: 8, experts: [ExpertPlace(layer: 1, expert: 0)], beta1: 0.9, beta2: 0.999,
            epsilon: 1e-8, decay: 0.01, steps: steps))
}

let somePlace = ExpertPlace(layer: 1, expert: 0)

func loading(_ count: Int, _ value: (Int) -> Float) throws -> TrainerCall {
    .load(ExpertState(somePlace, tensor: 0, kind: .value), values: try tensor([count], value))
}

func passing(_ step: UInt64, rows: Int, width: Int, _ value: (Int) -> Float) throws -> TrainerCall {
    .forward(
        ExpertPass(
            step: step, layer: 1, segments: [.init(expert: 0, rows: rows)], rows: try tensor([rows, width], value)))
}

/// The number by which a test knows a call.
func tag(of call: TrainerCall) -> UInt64 {
    switch call {
    case .open(let opened): opened.steps
    case .load(_, let values): UInt64(numbers(values).first ?? 0)
    case .read(let state): UInt64(state.tensor)
    case .forward(let pass), .backward(let pass, _): pass.step
    case .norm(let step), .update(let step, _, _): step
    }
}

/// Remembers what was carried out; answers a forward with the doubled rows, a read with what was loaded, and everything
/// with the call's tag as a sum.
final class FakeBank: TrainerComputing {
    /// What tests see.
    final class Record: Sendable {
        private let state = Mutex<(tags: [UInt64], threads: Set<UInt>, forgotten: [Int])>(([], [], []))

        var tags: [UInt64] { state.withLock { $0.tags } }
        var threads: Int { state.withLock { $0.threads.count } }
        /// After how many calls something was to be forgotten.
        var forgotten: [Int] { state.withLock { $0.forgotten } }

        func forget() { state.withLock { $0.forgotten.append($0.tags.count) } }

        func add(_ tag: UInt64) {
            let thread = UInt(bitPattern: ObjectIdentifier(Thread.current).hashValue)
            state.withLock { state in
                state.tags.append(tag)
                state.threads.insert(thread)
            }
        }
    }

    private let record: Record
    private let before: @Sendable (TrainerCall) -> Void
    private var loaded: Tensor?

    init(_ record: Record, before: @escaping @Sendable (TrainerCall) -> Void = { _ in }) {
        self.record = record
        self.before = before
    }

    func carryOut(_ call: TrainerCall) throws(TrainerFailure) -> TrainerResult {
        before(call)
        record.add(tag(of: call))
        var result = TrainerResult(sums: [Double(tag(of: call))])
        switch call {
        case .open: loaded = nil
        case .load(_, let values): loaded = values
        case .read: result.numbers = loaded
        case .forward(let pass):
            let input = numbers(pass.rows)
            result.numbers = try? tensor([input.count]) { input[$0] * 2 }
        case .update(let step, _, _): throw TrainerFailure(.compute, "update \(step) is broken")
        case .backward, .norm: break
        }
        return result
    }

    func forget() {
        loaded = nil
        record.forget()
    }
}

/// A gate that holds a thread until a test opens it.
final class ThreadGate: Sendable {
    private let condition = NSCondition()
    private let state = Mutex<(isOpen: Bool, arrived: Int)>((false, 0))

    func wait() {
        state.withLock { $0.arrived += 1 }
        condition.lock()
        while !state.withLock({ $0.isOpen }) { condition.wait() }
        condition.unlock()
    }

    func open() {
        condition.lock()
        state.withLock { $0.isOpen = true }
        condition.broadcast()
        condition.unlock()
    }

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

var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
