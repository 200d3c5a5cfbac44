import CProtobufC
import Tensors

/// Reads and checks the fields of one unpacked message; errors name the message and the field.
struct FieldReader {
    let message: String

    func failure(_ field: String, _ reason: String) -> WireError {
        .malformed(message: message, field: field, reason: reason)
    }

    /// A number in a range.
    func number(_ value: UInt32, _ field: String, in range: ClosedRange<Int>) throws(WireError) -> Int {
        guard range.contains(Int(value)) else {
            throw failure(field, "is \(value), expected \(range.lowerBound) to \(range.upperBound)")
        }
        return Int(value)
    }

    /// Bytes of exactly `count`.
    func bytes(_ data: ProtobufCBinaryData, _ field: String, count: Int) throws(WireError) -> [UInt8] {
        guard data.len == count else { throw failure(field, "has \(data.len) bytes, expected \(count)") }
        return Array(UnsafeBufferPointer(start: data.data, count: data.len))
    }

    /// UTF-8 text of at most `limit` bytes.
    func text(_ data: ProtobufCBinaryData, _ field: String, limit: Int = WireLimits.envelope) throws(WireError) -> String {
        guard data.len <= limit else {
            throw .tooLarge(field: "\(message) '\(field)'", size: data.len, limit: limit)
        }
        guard let text = String(validating: UnsafeBufferPointer(start: data.data, count: data.len), as: UTF8.self) else {
            throw failure(field, "is not UTF-8")
        }
        return text
    }

    /// A request id: text of 1 to 128 bytes.
    func requestID(_ data: ProtobufCBinaryData, _ field: String = "request") throws(WireError) -> String {
        guard data.len > 0 else { throw failure(field, "is empty") }
        return try text(data, field, limit: WireLimits.requestID)
    }

    func incarnation(_ data: ProtobufCBinaryData, _ field: String) throws(WireError) -> Incarnation {
        guard let value = Incarnation(bytes: try bytes(data, field, count: 16)) else { throw failure(field, "is malformed") }
        return value
    }

    func digest(_ data: ProtobufCBinaryData, _ field: String) throws(WireError) -> ExpertDigest {
        guard let value = ExpertDigest(bytes: try bytes(data, field, count: 32)) else { throw failure(field, "is malformed") }
        return value
    }

    /// Texts of a repeated field, `limit` bytes each at most.
    func texts(
        _ first: UnsafeMutablePointer<ProtobufCBinaryData>?, count: Int, _ field: String, most: Int,
        limit: Int = WireLimits.envelope
    ) throws(WireError) -> [String] {
        guard count <= most else { throw .tooLarge(field: "\(message) '\(field)' count", size: count, limit: most) }
        var texts: [String] = []
        for data in UnsafeBufferPointer(start: first, count: count) { texts.append(try text(data, field, limit: limit)) }
        return texts
    }

    /// Submessages of a repeated field.
    func messages<Message, Value>(
        _ first: UnsafeMutablePointer<UnsafeMutablePointer<Message>?>?, count: Int, _ field: String,
        _ convert: (Message) throws(WireError) -> Value
    ) throws(WireError) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(count)
        for pointer in UnsafeBufferPointer(start: first, count: count) {
            guard let pointer else { throw failure(field, "has a hole") }
            values.append(try convert(pointer.pointee))
        }
        return values
    }

    /// Finite numbers, as many as `count` says.
    func finite(_ first: UnsafeMutablePointer<Float>?, count: Int, _ field: String) throws(WireError) -> [Float] {
        let values = Array(UnsafeBufferPointer(start: first, count: count))
        guard values.allSatisfy(\.isFinite) else { throw failure(field, "holds a number that is not finite") }
        return values
    }

    /// Checks a payload of `rows` × `width` float32 numbers against its frame, without looking at its bytes.
    func payload(_ frame: Frame, rows: UInt32, width: UInt32) throws(WireError) -> Payload {
        let rows = try number(rows, "rows", in: 1...WireLimits.rows)
        let width = try number(width, "width", in: 1...WireLimits.width)
        let size = rows * width * 4  // at most 2^28
        guard size <= WireLimits.payload else { throw .tooLarge(field: "\(message) payload", size: size, limit: WireLimits.payload) }
        guard frame.count == size else {
            throw failure("payload", "has \(frame.count) bytes, but \(rows) rows of \(width) float32 numbers have \(size)")
        }
        return Payload(frame: frame, rows: rows, width: width)
    }
}
