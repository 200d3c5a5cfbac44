import CSpng

/// Decodes one PNG file with libspng.
struct PNGDecoding {
    let file: String
    let limits: ImageLimits
    /// Whether 16-bit samples are reduced as Pillow does it instead of being scaled.
    let saturateGrey16: Bool

    /// Largest ancillary chunk (colour profile, text, EXIF), after decompression, that is read, and how much of them in total.
    /// They do not change pixels: this bounds the memory that a small file can claim by compressed text.
    private static let maximumChunkBytes = 4 << 20
    private static let maximumChunkBytesInTotal = 16 << 20
    /// libspng's own limit (its setter for another one refuses every value in 0.7.3).
    private static let maximumChunks = 1_000

    func decode(_ bytes: [UInt8]) throws(ImageError) -> (image: RGBImage, orientation: ExifOrientation) {
        let header = try PNGHeader(bytes, file: file)
        try limits.check(width: header.width, height: header.height, format: .png, file: file)
        guard let context = spng_ctx_new(0) else {
            throw .outOfMemory(file: file, width: header.width, height: header.height)
        }
        defer { spng_ctx_free(context) }

        // libspng keeps the pointer, so everything happens inside the closure; typed errors cannot leave it and are carried out as a value.
        let outcome: Result<(RGBImage, ExifOrientation), ImageError> = bytes.withUnsafeBufferPointer { source in
            do throws(ImageError) {
                try check(spng_set_image_limits(context, UInt32(limits.maximumSide), UInt32(limits.maximumSide)), header)
                try check(spng_set_chunk_limits(context, Self.maximumChunkBytes, Self.maximumChunkBytesInTotal), header)
                try check(spng_set_png_buffer(context, source.baseAddress, source.count), header)
                let pixels = header.bitDepth == 16
                    ? try sixteenBitPixels(context, header)
                    : try eightBitPixels(context, header)
                // Reads on to IEND: an image without its end is a truncated one.
                try check(spng_decode_chunks(context), header)
                let image = RGBImage(checkedWidth: header.width, height: header.height, bytes: pixels)
                return .success((image, orientation(context)))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    /// Everything up to 8 bits: libspng expands palettes and small depths, repeats grey, and drops alpha.
    private func eightBitPixels(_ context: OpaquePointer, _ header: PNGHeader) throws(ImageError) -> [UInt8] {
        let size = header.width * header.height * 3
        var expected = 0
        try check(spng_decoded_image_size(context, CInt(SPNG_FMT_RGB8.rawValue), &expected), header)
        guard expected == size else { throw contradiction }
        var code: CInt = 0
        let pixels = [UInt8](unsafeUninitializedCapacity: size) { target, count in
            code = spng_decode_image(context, target.baseAddress, size, CInt(SPNG_FMT_RGB8.rawValue), 0)
            count = code == 0 ? size : 0
        }
        try check(code, header)
        return pixels
    }

    /// 16-bit samples, reduced scanline by scanline, so that no second image of twice the size is needed.
    private func sixteenBitPixels(_ context: OpaquePointer, _ header: PNGHeader) throws(ImageError) -> [UInt8] {
        let size = header.width * header.height * 3
        let flags = CInt(SPNG_DECODE_PROGRESSIVE.rawValue)
        try check(spng_decode_image(context, nil, 0, CInt(SPNG_FMT_PNG.rawValue), flags), header)
        let reduction = SixteenBitScanline(channels: header.channels, asPillow: saturateGrey16)
        var scanline = [UInt16](repeating: 0, count: header.width * header.channels)
        var code: CInt = 0
        var position = spng_row_info()
        let pixels = [UInt8](unsafeUninitializedCapacity: size) { target, count in
            scanline.withUnsafeMutableBufferPointer { scanline in
                repeat {
                    code = spng_get_row_info(context, &position)
                    guard code == 0 else { break }
                    let pass = Adam7Pass(row: position, isInterlaced: header.isInterlaced, imageWidth: header.width)
                    code = spng_decode_scanline(context, scanline.baseAddress, pass.count * header.channels * 2)
                    guard code == 0 || code == SPNG_EOI.rawValue else { break }
                    let start = (pass.row * header.width + pass.firstColumn) * 3
                    reduction.reduce(scanline, pixels: pass.count, into: target, from: start, step: 3 * pass.columnStep)
                } while code == 0
            }
            count = code == SPNG_EOI.rawValue ? size : 0
        }
        if code != SPNG_EOI.rawValue { try check(code, header) }
        guard pixels.count == size else { throw contradiction }
        return pixels
    }

    private func orientation(_ context: OpaquePointer) -> ExifOrientation {
        var exif = spng_exif()
        guard spng_get_exif(context, &exif) == 0, let data = exif.data, exif.length > 0 else { return .upright }
        let bytes = UnsafeRawBufferPointer(start: data, count: exif.length)
        return ExifOrientation(tiff: [UInt8](bytes)[...])
    }

    private var contradiction: ImageError {
        .damaged(file: file, format: .png, reason: "its headers contradict each other about the size of the image")
    }

    /// Turns a libspng result code into an error.
    private func check(_ code: CInt, _ header: PNGHeader) throws(ImageError) {
        guard code != 0 else { return }
        let reason = String(cString: spng_strerror(code))
        switch code {
        case CInt(SPNG_EMEM.rawValue):
            throw .outOfMemory(file: file, width: header.width, height: header.height)
        case CInt(SPNG_IO_EOF.rawValue), CInt(SPNG_EIDAT_TOO_SHORT.rawValue):
            throw .truncated(file: file, format: .png, reason: reason)
        case CInt(SPNG_ECHUNK_LIMITS.rawValue):
            throw .excessive(
                file: file, format: .png,
                reason: "its notes (text, colour profile) are more than \(Self.maximumChunks), or more than \(Self.maximumChunkBytes) bytes "
                    + "in one or \(Self.maximumChunkBytesInTotal) in all")
        default:
            throw .damaged(file: file, format: .png, reason: reason)
        }
    }
}
