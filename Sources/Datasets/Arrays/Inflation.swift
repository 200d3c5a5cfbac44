import CZlib

/// Uncompresses raw deflate streams (RFC 1951) whose length is known beforehand.
enum Inflation {
    /// Deflate cannot compress better than this: a claim beyond it is a lie, seen before memory is taken.
    static let bestRatio = 1032

    /// What is wrong with a stream.
    struct Problem: Error { let text: String }

    /// - Parameter size: bytes that must come out, no more and no fewer.
    static func bytes(_ compressed: [UInt8], size: Int) throws(Problem) -> [UInt8] {
        guard size <= (compressed.count + 1) * bestRatio else {
            throw Problem(text: "\(compressed.count) compressed bytes cannot become the \(size) that the archive claims")
        }
        guard compressed.count <= Int(UInt32.max), size < Int(UInt32.max) else { throw Problem(text: "it has 4 GiB or more") }
        var status = Z_OK
        var consumed = 0
        // One byte of room more than needed: a longer stream shows itself by using it.
        let out = [UInt8](unsafeUninitializedCapacity: size + 1) { target, count in
            var stream = z_stream()
            // Negative: no zlib header around the stream.
            status = inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
            guard status == Z_OK else { return }
            defer { inflateEnd(&stream) }
            var input = compressed
            input.withUnsafeMutableBufferPointer { source in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(size + 1)
                status = inflate(&stream, Z_FINISH)
            }
            count = size + 1 - Int(stream.avail_out)
            consumed = compressed.count - Int(stream.avail_in)
        }
        guard status == Z_STREAM_END, out.count == size, consumed == compressed.count else {
            throw Problem(text: "its compressed bytes are damaged, or do not become the \(size) bytes that the archive claims")
        }
        return out
    }
}
