import CProtobufC

/// Envelopes between their bytes and protobuf-c's structs. The structs live only inside these functions.
enum Envelope {
    /// Unpacks an envelope, lets `convert` copy what it needs into values, and frees the struct.
    ///
    /// - Throws: `WireError.malformed` when the bytes are no such message or want more memory than an honest one.
    static func unpack<Message, Value>(
        _ frame: Frame, as name: String,
        with unpack: (UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?) -> UnsafeMutablePointer<Message>?,
        _ convert: (Message) throws(WireError) -> Value
    ) throws(WireError) -> Value {
        let result: Result<Value, WireError> = BoundedAllocator.with(budget: WireLimits.unpacking) { allocator in
            frame.withUnsafeBytes { bytes in
                let message = unpack(allocator, bytes.count, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
                guard let message else {
                    return .failure(.malformed(message: name, field: "envelope", reason: "is no such message, or has too many fields"))
                }
                defer {
                    message.withMemoryRebound(to: ProtobufCMessage.self, capacity: 1) {
                        protobuf_c_message_free_unpacked($0, allocator)
                    }
                }
                return Result { () throws(WireError) in try convert(message.pointee) }
            }
        }
        return try result.get()
    }

    /// Initialises a struct, lets `fill` set its fields, and packs it into a frame.
    ///
    /// - Throws: `WireError.tooLarge` beyond the limit of envelopes.
    static func pack<Message>(
        as name: String, _ initialize: (UnsafeMutablePointer<Message>?) -> Void,
        _ fill: (inout Message, EncodingArena) -> Void
    ) throws(WireError) -> Frame {
        let message = UnsafeMutablePointer<Message>.allocate(capacity: 1)
        defer { message.deallocate() }
        initialize(message)
        let arena = EncodingArena()
        defer { withExtendedLifetime(arena) {} }
        fill(&message.pointee, arena)
        let base = UnsafeMutableRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self)
        let size = protobuf_c_message_get_packed_size(base)
        guard size <= WireLimits.envelope else {
            throw .tooLarge(field: "\(name) envelope", size: size, limit: WireLimits.envelope)
        }
        let frame = try Frame(byteCount: size)
        frame.withUnsafeMutableBytes { bytes in
            _ = protobuf_c_message_pack(base, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
        return frame
    }
}
