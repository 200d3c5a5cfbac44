/// Scales a canvas as Pillow's `Image.resize(..., BICUBIC)` does: in two passes with 8 bits in between. Only a window of the result is computed.
struct BicubicResampler {
    let canvas: Canvas
    /// Columns of the result within a result of the full width.
    let columns: Range<Int>
    /// Rows of the result within a result of the full height.
    let rows: Range<Int>

    private let horizontal: BicubicCoefficients
    private let vertical: BicubicCoefficients
    /// Whether a pass is left out, because the length stays the same.
    private let keepsWidth: Bool
    private let keepsHeight: Bool
    private let startsWithColumns: Bool

    /// - Parameters:
    ///   - width: of the full result, at least 1.
    ///   - height: of the full result, at least 1.
    ///   - columns: wanted part of `0..<width`.
    ///   - rows: wanted part of `0..<height`.
    init(_ canvas: Canvas, width: Int, height: Int, columns: Range<Int>, rows: Range<Int>, order: ResizeOrder) {
        self.canvas = canvas
        self.columns = columns
        self.rows = rows
        keepsWidth = width == canvas.width
        keepsHeight = height == canvas.height
        // A padded canvas is square and stays so: there, no order starts with the columns.
        startsWithColumns = !canvas.isPadded
            && order.startsWithColumns(width: canvas.width, height: canvas.height, newWidth: width, newHeight: height)
        horizontal = BicubicCoefficients(inputLength: canvas.width, outputLength: width, window: columns)
        vertical = BicubicCoefficients(inputLength: canvas.height, outputLength: height, window: rows)
    }

    /// The window, `columns.count * rows.count` pixels of interleaved RGB.
    func resample() -> [UInt8] {
        if keepsHeight { return narrowed(rows) }
        if startsWithColumns && !keepsWidth { return columnsThenRows() }
        let needed = vertical.reach
        let intermediate = narrowed(needed)
        let length = columns.count * 3
        return Self.pixels(rows.count * length, from: intermediate) { input, output in
            vertical.combineLines(input, origin: needed.lowerBound, pitch: length, length: length, into: output)
        }
    }

    /// The rows `needed` of the canvas, scaled to the window's columns.
    private func narrowed(_ needed: Range<Int>) -> [UInt8] {
        let length = columns.count * 3
        let stored = canvas.image.width * 3
        var line = canvas.emptyRow
        return Self.pixels(needed.count * length, from: canvas.image.bytes) { input, output in
            line.withUnsafeMutableBufferPointer { line in
                guard let line = line.baseAddress else { return }
                for (index, row) in needed.enumerated() {
                    let output = output + index * length
                    let source = input + (row - canvas.top) * stored
                    if row < canvas.top || row >= canvas.top + canvas.image.height {
                        // The weights of a pixel add up to one, but for less than half a step of 8 bits: one colour stays one colour.
                        for position in 0..<length { output[position] = canvas.colour[position % 3] }
                    } else if canvas.image.width == canvas.width {
                        narrow(source, into: output)
                    } else {
                        (line + canvas.left * 3).update(from: source, count: stored)
                        narrow(line, into: output)
                    }
                }
            }
        }
    }

    private func narrow(_ input: UnsafePointer<UInt8>, into output: UnsafeMutablePointer<UInt8>) {
        if keepsWidth {
            output.update(from: input + columns.lowerBound * 3, count: columns.count * 3)
        } else {
            horizontal.scaleLine(input, origin: 0, into: output)
        }
    }

    private func columnsThenRows() -> [UInt8] {
        let needed = horizontal.reach
        let length = needed.count * 3
        let combined = Self.pixels(rows.count * length, from: canvas.image.bytes) { input, output in
            vertical.combineLines(input + needed.lowerBound * 3, origin: 0, pitch: canvas.width * 3, length: length, into: output)
        }
        return Self.pixels(rows.count * columns.count * 3, from: combined) { input, output in
            for row in 0..<rows.count {
                horizontal.scaleLine(input + row * length, origin: needed.lowerBound, into: output + row * columns.count * 3)
            }
        }
    }

    /// An array of `count` bytes, all of which `fill` writes.
    private static func pixels(
        _ count: Int, from source: [UInt8], fill: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Void
    ) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { target, filled in
            source.withUnsafeBufferPointer { source in
                guard let source = source.baseAddress, let target = target.baseAddress else { return }
                fill(source, target)
                filled = count
            }
        }
    }
}

extension Canvas {
    /// Whether there is ground around the image.
    fileprivate var isPadded: Bool { image.width != width || image.height != height }

    /// One row of the canvas where the image is not.
    fileprivate var emptyRow: [UInt8] {
        var row = [UInt8](repeating: 0, count: width * 3)
        for index in row.indices { row[index] = colour[index % 3] }
        return row
    }
}
