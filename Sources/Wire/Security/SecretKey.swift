import CWire
import CZeroMQ

/// The secret half of a CURVE key.
///
/// One piece of memory that is never copied into strings or arrays, never printed, and overwritten when it is dropped. libzmq
/// keeps a copy of its own in every socket that uses it.
public final class SecretKey: @unchecked Sendable, CustomStringConvertible, CustomReflectable {
    // Written by `init` only.
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: PublicKey.byteCount, alignment: 8)

    /// Takes a copy; the caller wipes its own bytes.
    init?(copying bytes: UnsafeRawBufferPointer) {
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        guard bytes.count == PublicKey.byteCount else { return nil }
        memory.copyMemory(from: bytes)
    }

    /// Reads sixty-four hexadecimal digits.
    init?(hexadecimal digits: UnsafeRawBufferPointer) {
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        guard digits.count == 2 * PublicKey.byteCount else { return nil }
        for index in 0..<PublicKey.byteCount {
            guard let high = PublicKey.value(ofDigit: digits[2 * index]), let low = PublicKey.value(ofDigit: digits[2 * index + 1])
            else { return nil }
            memory[index] = high << 4 | low
        }
    }

    deinit {
        medmoe_wipe(memory.baseAddress, memory.count)
        memory.deallocate()
    }

    /// The bytes, valid while `body` runs; must not be copied to where they stay.
    func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(memory))
    }

    /// The public key that belongs to this one.
    ///
    /// - Throws: `SecurityError.withoutCurve`.
    func publicKey() throws(SecurityError) -> PublicKey {
        // libzmq derives it from and to its own text form, Z85: 40 digits and a NUL.
        var secret = [CChar](repeating: 0, count: 41)
        var derived = [CChar](repeating: 0, count: 41)
        var bytes = [UInt8](repeating: 0, count: PublicKey.byteCount)
        defer { secret.withUnsafeMutableBytes { medmoe_wipe($0.baseAddress, $0.count) } }
        let done = withUnsafeBytes { raw in
            secret.withUnsafeMutableBufferPointer { text in
                zmq_z85_encode(text.baseAddress, raw.bindMemory(to: UInt8.self).baseAddress, raw.count) != nil
                    && zmq_curve_public(&derived, text.baseAddress) == 0 && zmq_z85_decode(&bytes, derived) != nil
            }
        }
        guard done, let key = PublicKey(bytes: bytes) else { throw .withoutCurve }
        return key
    }

    public var description: String { "(secret)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
