import CKernels
import COpenBLAS
import Tensors

extension TrainingContext {
    /// `x Wᵀ`: what a linear layer computes.
    ///
    /// - Parameters:
    ///   - x: `[rows, inner]`
    ///   - weight: `[outer, inner]`
    /// - Returns: `[rows, outer]`
    func product(_ x: Rows, transposed weight: Rows) -> Rows {
        let y = Rows(count: x.count, width: weight.count)
        count(x.count, weight.count, x.width)
        forEachTile(rows: x.count, columns: weight.count) { rows, columns in
            multiply(
                CblasNoTrans, CblasTrans, rows.count, columns.count, x.width, x.row(rows.lowerBound), x.width,
                weight.row(columns.lowerBound), weight.width, 0, y.row(rows.lowerBound) + columns.lowerBound, y.width)
        }
        return y
    }

    /// `dy W`: the gradient of a linear layer's input.
    ///
    /// - Parameters:
    ///   - dy: `[rows, outer]`
    ///   - weight: `[outer, inner]`
    ///   - sum: what is added to, `[rows, inner]`; nil for a new matrix.
    @discardableResult
    func product(_ dy: Rows, _ weight: Rows, addedTo sum: Rows? = nil) -> Rows {
        let dx = sum ?? Rows(count: dy.count, width: weight.width)
        count(dy.count, weight.width, dy.width)
        forEachTile(rows: dy.count, columns: weight.width) { rows, columns in
            multiply(
                CblasNoTrans, CblasNoTrans, rows.count, columns.count, dy.width, dy.row(rows.lowerBound), dy.width,
                weight.pointer + columns.lowerBound, weight.width, sum == nil ? 0 : 1,
                dx.row(rows.lowerBound) + columns.lowerBound, dx.width)
        }
        return dx
    }

    /// `gradient += dyᵀ x`: the gradient of a linear layer's weight.
    ///
    /// - Parameters:
    ///   - dy: `[rows, outer]`
    ///   - x: `[rows, inner]`
    ///   - gradient: `[outer, inner]`
    func addOuterProduct(_ dy: Rows, _ x: Rows, to gradient: Rows) {
        count(gradient.count, gradient.width, dy.count)
        forEachTile(rows: gradient.count, columns: gradient.width) { rows, columns in
            multiply(
                CblasTrans, CblasNoTrans, rows.count, columns.count, dy.count, dy.pointer + rows.lowerBound, dy.width,
                x.pointer + columns.lowerBound, x.width, 1, gradient.row(rows.lowerBound) + columns.lowerBound, gradient.width)
        }
    }

    /// `sums += ` the sum of all rows, `[width]`.
    func addColumnSums(of x: Rows, to sums: Rows) {
        let strip = 64
        pool.forEach((x.width + strip - 1) / strip) { index in
            let from = index * strip
            ck_column_sums(x.pointer + from, x.count, x.width, min(strip, x.width - from), sums.pointer + from)
        }
    }

    /// Pieces of a result of these extents; large enough that packing the operands is cheap beside the product.
    private func forEachTile(rows: Int, columns: Int, _ body: (Range<Int>, Range<Int>) -> Void) {
        guard rows > 0, columns > 0 else { return }
        // A multiple of four pieces where there is work for them, so that two or four threads end together; columns stay whole as long as
        // the rows are many.
        let rowPieces = rows >= 4 * 96 ? (rows + 4 * 768 - 1) / (4 * 768) * 4 : 1
        let rowBlock = (rows + rowPieces - 1) / rowPieces
        let wanted = max(1, 4 / rowPieces)
        let columnBlock = min(2048, max(96, (columns + wanted - 1) / wanted))
        let columnPieces = (columns + columnBlock - 1) / columnBlock
        pool.forEach(rowPieces * columnPieces) { index in
            let row = index % rowPieces * rowBlock
            let column = index / rowPieces * columnBlock
            body(row..<min(rows, row + rowBlock), column..<min(columns, column + columnBlock))
        }
    }
}

/// `c = a b + beta c` on the calling thread.
func multiply(
    _ transposeA: CBLAS_TRANSPOSE, _ transposeB: CBLAS_TRANSPOSE, _ rows: Int, _ columns: Int, _ inner: Int,
    _ a: UnsafePointer<Float>, _ strideA: Int, _ b: UnsafePointer<Float>, _ strideB: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ strideC: Int
) {
    guard rows > 0, columns > 0 else { return }
    cblas_sgemm(
        CblasRowMajor, transposeA, transposeB, blasint(rows), blasint(columns), blasint(inner), 1, a, blasint(strideA), b,
        blasint(strideB), beta, c, blasint(strideC))
}
