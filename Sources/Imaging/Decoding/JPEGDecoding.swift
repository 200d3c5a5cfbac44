import CTurboJPEG

/// Decodes one JPEG file with TurboJPEG.
///
/// libjpeg repairs damaged data with grey and a warning. Here the first warning ends the decoding: a picture that is partly invented must not be
/// read as a finding.
struct JPEGDecoding {
    let file: String
    let limits: ImageLimits

    func decode(_ bytes: [UInt8]) throws(ImageError) -> (image: RGBImage, orientation: ExifOrientation) {
        let structure = JPEGStructure(bytes)
        let frame = try checkedFrame(of: structure)
        guard let decompressor = Decompressor() else {
            throw .outOfMemory(file: file, width: frame.width, height: frame.height)
        }
        let isCMYK = try decompressor.isCMYK(bytes, frame: frame, file: file)

        let format = isCMYK ? TJPF_CMYK : TJPF_RGB
        var result = decompressor.pixels(of: bytes, frame: frame, format: format, stopOnWarning: true)
        if case .failure(let message) = result, Self.isStrayBytesBeforeEnd(message), !structure.hasRestartIntervals {
            // All of the picture was decoded from sound data when these bytes were met. (With restart intervals the same words may also mean a
            // premature end.) It was the first warning and nothing but the end follows, so a second run may pass over it.
            result = decompressor.pixels(of: bytes, frame: frame, format: format, stopOnWarning: false)
        }
        switch result {
        case .success(let pixels):
            let rgb = isCMYK ? InvertedCMYK.rgb(pixels) : pixels
            return (RGBImage(checkedWidth: frame.width, height: frame.height, bytes: rgb), structure.orientation)
        case .failure(let message):
            throw error(for: message, structure: structure, frame: frame)
        }
    }

    /// The frame header, if it is of a kind and size that may be decoded.
    private func checkedFrame(of structure: JPEGStructure) throws(ImageError) -> JPEGStructure.Frame {
        guard let frame = structure.frame else {
            throw structure.endsWithMarker
                ? .damaged(file: file, format: .jpeg, reason: "it has no frame header (SOF)")
                : .truncated(file: file, format: .jpeg, reason: "it ends before its frame header (SOF)")
        }
        try limits.check(width: frame.width, height: frame.height, format: .jpeg, file: file)
        switch frame.marker {
        case 0xC0, 0xC1, 0xC2, 0xC9, 0xCA: break
        case 0xC3, 0xC7, 0xCB, 0xCF: throw unsupported("lossless compression")
        default: throw unsupported("hierarchical compression")
        }
        guard frame.precision == 8 else { throw unsupported("\(frame.precision) bits a sample instead of 8") }
        guard [1, 3, 4].contains(frame.components) else { throw unsupported("\(frame.components) colour components instead of 1, 3 or 4") }
        let maximumScans = limits.maximumScans(pixels: frame.width * frame.height)
        guard structure.scans <= maximumScans else {
            throw .excessive(
                file: file, format: .jpeg,
                reason: "\(structure.scans) scans over \(frame.width) x \(frame.height) pixels; at most \(maximumScans) are accepted")
        }
        return frame
    }

    private func unsupported(_ reason: String) -> ImageError {
        .unsupported(file: file, format: .jpeg, reason: reason)
    }

    /// Whether libjpeg's first complaint was about padding between the last scan and the end marker.
    private static func isStrayBytesBeforeEnd(_ message: String) -> Bool {
        message.contains("extraneous bytes before marker 0xd9")
    }

    private func error(for message: String, structure: JPEGStructure, frame: JPEGStructure.Frame) -> ImageError {
        if message.contains("Insufficient memory") || message.contains("Memory allocation failure") {
            return .outOfMemory(file: file, width: frame.width, height: frame.height)
        }
        return structure.endsWithMarker
            ? .damaged(file: file, format: .jpeg, reason: message)
            : .truncated(file: file, format: .jpeg, reason: "it has no end marker (\(message))")
    }
}

/// One TurboJPEG decompressor handle.
private struct Decompressor: ~Copyable {
    enum Outcome {
        case success([UInt8])
        case failure(String)
    }

    private let handle: tjhandle

    init?() {
        guard let handle = tjInitDecompress() else { return nil }
        self.handle = handle
    }

    deinit { tjDestroy(handle) }

    /// Has the library read the header, too, and asks whether pixels come as CMYK.
    ///
    /// - Throws: when the library reads another size than `frame` out of the file or does not know the colour space.
    func isCMYK(_ bytes: [UInt8], frame: JPEGStructure.Frame, file: String) throws(ImageError) -> Bool {
        var width: CInt = 0, height: CInt = 0, subsampling: CInt = -1, colourSpace: CInt = -1
        // The result code also reports unusual sampling factors, which decoding does not mind: what counts is what was filled in.
        let code = tjDecompressHeader3(handle, bytes, UInt(bytes.count), &width, &height, &subsampling, &colourSpace)
        guard Int(width) == frame.width, Int(height) == frame.height else {
            throw .damaged(
                file: file, format: .jpeg, reason: code != 0 ? message : "its headers contradict each other about the size of the image")
        }
        switch TJCS(rawValue: UInt32(bitPattern: colourSpace)) {
        case TJCS_GRAY, TJCS_RGB, TJCS_YCbCr: return false
        case TJCS_CMYK, TJCS_YCCK: return true
        default: throw .unsupported(file: file, format: .jpeg, reason: "unknown colour space")
        }
    }

    /// Decodes to interleaved RGB (3 bytes) or CMYK (4 bytes a pixel).
    func pixels(of bytes: [UInt8], frame: JPEGStructure.Frame, format: TJPF, stopOnWarning: Bool) -> Outcome {
        let pitch = frame.width * (format == TJPF_CMYK ? 4 : 3)
        let flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS | (stopOnWarning ? TJFLAG_STOPONWARNING : 0)
        var succeeded = false
        let pixels = [UInt8](unsafeUninitializedCapacity: pitch * frame.height) { target, count in
            let code = tjDecompress2(
                handle, bytes, UInt(bytes.count), target.baseAddress, CInt(frame.width), CInt(pitch), CInt(frame.height), format.rawValue,
                flags)
            // Without the stop, a warning is reported only after every row was written.
            succeeded = code == 0 || (!stopOnWarning && tjGetErrorCode(handle) == TJERR_WARNING.rawValue)
            count = succeeded ? pitch * frame.height : 0
        }
        return succeeded ? .success(pixels) : .failure(message)
    }

    private var message: String { String(cString: tjGetErrorStr2(handle)) }
}

/// CMYK as Adobe's programs store it in JPEG files, where 255 means no ink.
///
/// Pillow takes every CMYK JPEG to be of this kind, with or without Adobe's marker, and so must we.
enum InvertedCMYK {
    /// Converts `[C, M, Y, K, ...]` to `[R, G, B, ...]` as Pillow does: with ink amounts c = 255 - C and k = 255 - K,
    /// R = (255 - k) - (255 - k) c / 255, the division rounded.
    static func rgb(_ cmyk: [UInt8]) -> [UInt8] {
        let pixels = cmyk.count / 4
        return [UInt8](unsafeUninitializedCapacity: pixels * 3) { target, count in
            cmyk.withUnsafeBufferPointer { source in
                for pixel in 0..<pixels {
                    let paper = UInt32(source[4 * pixel + 3])
                    for channel in 0..<3 {
                        let ink = 255 - UInt32(source[4 * pixel + channel])
                        // (v + v/256) / 256 with v = product + 128 is the product divided by 255, rounded.
                        let scaled = ink &* paper &+ 128
                        target[3 * pixel + channel] = UInt8(truncatingIfNeeded: paper &- ((scaled &+ (scaled >> 8)) >> 8))
                    }
                }
            }
            count = pixels * 3
        }
    }
}
