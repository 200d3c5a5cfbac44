import CKernels

/// How fast this machine reads and multiplies, measured with the threads that compute: what a measured speed is held against.
public struct MachineSpeed: Sendable, Hashable {
    /// Bytes per second of reading a buffer from one end to the other, again and again.
    public let readBytes: Double
    /// Floating-point operations per second of a large matrix product.
    public let operations: Double

    /// Measures for about a third of a second.
    ///
    /// - Parameters:
    ///   - workingSet: bytes of the buffer that is read: as large as what the measured program reads again and again, so that
    ///     caches help both alike.
    public init(_ context: ComputeContext, workingSet: Int) throws {
        readBytes = Self.streamingRead(context, bytes: max(1 << 20, workingSet))
        operations = try Self.product(context)
    }

    private static func streamingRead(_ context: ComputeContext, bytes: Int) -> Double {
        let block = 1 << 16
        let data = Rows(count: max(1, bytes / (block * 4)), width: block)
        data.buffer.update(repeating: 1)
        return fastest(of: Double(data.elementCount * 4)) {
            context.pool.forEach(data.count) { _ = ck_all_finite(data.row($0), block) }
        }
    }

    private static func product(_ context: ComputeContext) throws -> Double {
        let (rows, side) = (256, 1024)
        let x = Rows(count: rows, width: side)
        x.buffer.update(repeating: 0.5)
        let weight = try Tensor([Float](repeating: 0.25, count: side * side), shape: [side, side])
        return try fastest(of: 2 * Double(rows * side * side)) { _ = try context.multiply(x, weight) }
    }

    /// Work per second of the fastest of several runs: what else goes on can only make them slower.
    private static func fastest(of work: Double, _ run: () throws -> Void) rethrows -> Double {
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: .milliseconds(150))
        var best = Double.infinity
        repeat {
            let start = clock.now
            try run()
            let time = start.duration(to: clock.now).components
            best = min(best, Double(time.seconds) + Double(time.attoseconds) / 1e18)
        } while clock.now < end
        return work / max(best, 1e-9)
    }
}
