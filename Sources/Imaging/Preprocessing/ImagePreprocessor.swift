/// Turns decoded images into the input of the image encoder, as the public Med-MoE code does it with Pillow and the CLIP image processor:
/// square, scaled, cut, rescaled, normalised. The 8-bit square and the values are equal to theirs to the last bit.
public struct ImagePreprocessor: Sendable {
    public let configuration: ImageProcessorConfiguration
    public let aspect: AspectMode
    /// Which Pillow the resize equals where Pillow's versions differ.
    public let order: ResizeOrder

    /// Value of each possible byte, per channel: 3 * 256.
    private let table: [Float]

    public init(
        configuration: ImageProcessorConfiguration = .clipViTLarge14At336, aspect: AspectMode, order: ResizeOrder = .columnsFirstWhenTall
    ) {
        self.configuration = configuration
        self.aspect = aspect
        self.order = order
        table = (0..<3).flatMap { channel in
            (0..<256).map { Self.value(of: UInt8($0), channel: channel, configuration) }
        }
    }

    /// The square before normalisation, 8 bits a channel.
    ///
    /// - Throws: `ImageError.notEncoderInput` when the configuration makes no square of this image, or one above 2048 pixels a side.
    public func squared(_ image: RGBImage) throws(ImageError) -> RGBImage {
        let canvas = switch aspect {
            case .pad: Canvas(centring: image, on: paddingColour)
            case .crop: Canvas(image)
        }
        let (width, height) = scaledSize(of: canvas)
        let columns = Cut(length: width, wanted: configuration.cropSide ?? width)
        let rows = Cut(length: height, wanted: configuration.cropSide ?? height)
        guard columns.wanted == rows.wanted, columns.wanted <= ImageProcessorConfiguration.maximumSide else {
            throw .notEncoderInput(width: columns.wanted, height: rows.wanted)
        }
        let window = BicubicResampler(
            canvas, width: width, height: height, columns: columns.kept, rows: rows.kept, order: order
        ).resample()
        guard columns.border > 0 || rows.border > 0 else {
            return RGBImage(checkedWidth: columns.wanted, height: rows.wanted, bytes: window)
        }
        return Self.bordered(window, columns: columns, rows: rows)
    }

    /// The values for the encoder, [3, side, side].
    ///
    /// - Throws: `ImageError.notEncoderInput`, as `squared(_:)`.
    public func pixelValues(_ image: RGBImage) throws(ImageError) -> PixelValues {
        let square = try squared(image)
        let pixels = square.width * square.height
        let values = [Float](unsafeUninitializedCapacity: 3 * pixels) { target, count in
            square.bytes.withUnsafeBufferPointer { bytes in
                table.withUnsafeBufferPointer { table in
                    for channel in 0..<3 {
                        for pixel in 0..<pixels {
                            target[channel * pixels + pixel] = table[channel * 256 + Int(bytes[3 * pixel + channel])]
                        }
                    }
                }
            }
            count = 3 * pixels
        }
        return PixelValues(side: square.width, values: values)
    }

    /// The colour around padded images, int(255 mean) per channel.
    private var paddingColour: [UInt8] {
        configuration.imageMean.map { UInt8(max(0, min(255, $0 * 255))) }
    }

    /// The size after scaling: the short side becomes S, the other int(S long / short), both as the CLIP processor computes them.
    private func scaledSize(of canvas: Canvas) -> (width: Int, height: Int) {
        guard let shortest = configuration.shortestEdge else { return (canvas.width, canvas.height) }
        let isUpright = canvas.width <= canvas.height
        let (short, long) = isUpright ? (canvas.width, canvas.height) : (canvas.height, canvas.width)
        let scaledLong = Int(Double(shortest * long) / Double(short))
        return isUpright ? (shortest, scaledLong) : (scaledLong, shortest)
    }

    /// Rescaling in float64 rounded to float32, then normalisation in float32: the order of the CLIP processor.
    package static func value(of byte: UInt8, channel: Int, _ configuration: ImageProcessorConfiguration) -> Float {
        let rescaled = configuration.rescaleFactor.map { Float(Double(byte) * $0) } ?? Float(byte)
        guard let normalisation = configuration.normalisation else { return rescaled }
        return (rescaled - Float(normalisation.mean[channel])) / Float(normalisation.standardDeviation[channel])
    }

    /// Puts the window on a black square, for results smaller than `crop_size`.
    private static func bordered(_ window: [UInt8], columns: Cut, rows: Cut) -> RGBImage {
        var bytes = [UInt8](repeating: 0, count: columns.wanted * rows.wanted * 3)
        let length = columns.kept.count * 3
        for row in 0..<rows.kept.count {
            let start = ((row + rows.border) * columns.wanted + columns.border) * 3
            bytes.replaceSubrange(start..<(start + length), with: window[(row * length)..<((row + 1) * length)])
        }
        return RGBImage(checkedWidth: columns.wanted, height: rows.wanted, bytes: bytes)
    }
}

/// A centre cut along one axis: either the middle of what is there, or all of it behind a black border.
private struct Cut {
    let wanted: Int
    /// Kept part of the scaled image.
    let kept: Range<Int>
    /// Black pixels before it; the same number or one less follows.
    let border: Int

    init(length: Int, wanted: Int) {
        self.wanted = wanted
        let first = max(0, (length - wanted) / 2)
        kept = first..<(first + min(length, wanted))
        border = max(0, (wanted - length + 1) / 2)
    }
}
