import Testing

@testable import Tensors

/// Columns and inner extents of every weight that the models in use have: the fixtures' and medmoe-tiny's, the published
/// sizes cut to a few columns (a column does not know how many others there are), and odd ones.
private let weightShapes: [(columns: Int, inner: Int)] = [
    (64, 64), (96, 64), (64, 96), (400, 64), (128, 64), (64, 128), (48, 48), (80, 48), (48, 80), (400, 48), (4, 64), (4, 48), (2, 64),
    (32, 588), (32, 32), (64, 32), (32, 64), (192, 192), (512, 192), (192, 512), (4096, 192), (4, 192), (768, 192), (192, 768),
    (192, 588), (4, 2048), (4, 2560), (96, 2048), (64, 5632), (64, 2560), (32, 10_240), (64, 1024), (17, 33), (1, 7),
]

@Suite struct MatrixMultiplierTests {
    private func multiply(_ gemm: any MatrixMultiplier, _ a: [Float], _ w: [Float], rows: Int, columns: Int, inner: Int) throws -> [Float] {
        var c = [Float](repeating: .nan, count: rows * columns)
        try a.withUnsafeBufferPointer { a in
            try w.withUnsafeBufferPointer { w in
                try c.withUnsafeMutableBufferPointer { c in
                    try gemm.multiply(a.baseAddress!, w.baseAddress!, into: c.baseAddress!, rows: rows, columns: columns, inner: inner)
                }
            }
        }
        return c
    }

    @Test(arguments: [GEMMEngine.automatic, .rowKernel], [1, 2])
    func aRowsBitsDoNotDependOnTheOtherRowsOfTheCall(engine: GEMMEngine, threads: Int) throws {
        let context = try ComputeContext(engine: engine, threads: threads)
        #expect(context.gemm.rowsAreIndependent)
        var random = SeededRandom(seed: 7)
        for (columns, inner) in weightShapes {
            let most = columns * inner > 100_000 ? 70 : 200
            let a = random.floats(most * inner)
            let w = random.floats(columns * inner)
            let all = try multiply(context.gemm, a, w, rows: most, columns: columns, inner: inner)
            var sizes = Array(1...20) + [31, 32, 33, 63, 64, 65, 69]
            sizes += most > 70 ? [100, 127, 128, 129, 191, 192, 199] : []
            for rows in sizes {
                // Anywhere in the matrix: a row's place must not matter either.
                let first = Int.random(in: 0...most - rows, using: &random)
                let part = try multiply(
                    context.gemm, Array(a[first * inner..<(first + rows) * inner]), w, rows: rows, columns: columns, inner: inner)
                let same = part.map(\.bitPattern) == all[first * columns..<(first + rows) * columns].map(\.bitPattern)
                #expect(same, "\(rows) rows from \(first), weight \(columns) × \(inner)")
            }
        }
    }

    /// The published sizes in full: the number of columns decides how a library cuts its work.
    @Test(arguments: [(5632, 2048), (2048, 5632), (2048, 2048), (10_240, 2560), (2560, 10_240), (2560, 2560), (1024, 1024), (4096, 1024), (1024, 4096)])
    func atPublishedSizesARowsBitsDoNotDependOnTheOthersEither(columns: Int, inner: Int) throws {
        let context = try ComputeContext(threads: 2)
        var random = SeededRandom(seed: UInt64(columns))
        let a = random.floats(69 * inner)
        // Quick to make: this is about order of summation, not about statistics.
        let w = (0..<columns * inner).map { Float(($0 &* 2_654_435_761) % 2001) / 1000 - 1 }
        let all = try multiply(context.gemm, a, w, rows: 69, columns: columns, inner: inner)
        for rows in [1, 2, 3, 5, 8, 16, 31, 33, 64] {
            let first = Int.random(in: 0...69 - rows, using: &random)
            let part = try multiply(
                context.gemm, Array(a[first * inner..<(first + rows) * inner]), w, rows: rows, columns: columns, inner: inner)
            let same = part.elementsEqual(all[first * columns..<(first + rows) * columns]) { $0.bitPattern == $1.bitPattern }
            #expect(same, "\(rows) rows from \(first), weight \(columns) × \(inner)")
        }
    }

    @Test func threadsDoNotChangeBits() throws {
        let one = try ComputeContext(threads: 1)
        let two = try ComputeContext(threads: 2)
        var random = SeededRandom(seed: 8)
        for (columns, inner) in weightShapes {
            let a = random.floats(37 * inner)
            let w = random.floats(columns * inner)
            let first = try multiply(one.gemm, a, w, rows: 37, columns: columns, inner: inner)
            let second = try multiply(two.gemm, a, w, rows: 37, columns: columns, inner: inner)
            #expect(first.map(\.bitPattern) == second.map(\.bitPattern), "weight \(columns) × \(inner)")
        }
    }

    @Test(arguments: GEMMEngine.allCases)
    func everyEngineComputesTheProduct(engine: GEMMEngine) throws {
        let context = try ComputeContext(engine: engine, threads: 2)
        var random = SeededRandom(seed: 9)
        for (rows, columns, inner) in [(1, 1, 1), (3, 5, 7), (5, 4, 16), (9, 67, 130), (64, 33, 65)] {
            let a = random.floats(rows * inner)
            let w = random.floats(columns * inner)
            let c = try multiply(context.gemm, a, w, rows: rows, columns: columns, inner: inner)
            for m in 0..<rows {
                for n in 0..<columns {
                    let expected = (0..<inner).reduce(0.0) { $0 + Double(a[m * inner + $1]) * Double(w[n * inner + $1]) }
                    #expect(abs(Double(c[m * columns + n]) - expected) < 1e-5 * Double(inner).squareRoot())
                }
            }
        }
    }

    @Test func aWeightOfAnotherWidthIsRefused() throws {
        let context = try ComputeContext(threads: 1)
        let rows = Rows(count: 2, width: 3)
        let weight = try Tensor([Float](repeating: 0, count: 8), shape: [2, 4])
        #expect(throws: TensorError.self) { try context.multiply(rows, weight) }
    }
}
