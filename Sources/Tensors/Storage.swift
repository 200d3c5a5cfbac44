/// Immutable bytes in memory, with one owner who knows how to give them back.
///
/// Whoever makes a storage promises that nobody writes to its bytes afterwards; that promise is what makes the
/// unchecked `Sendable` true. Bytes come from an allocation of ours, a mapped file, or a library's buffer.
public final class Storage: @unchecked Sendable {
    /// First byte. Only valid while the storage lives.
    public let bytes: UnsafeRawBufferPointer
    private let release: @Sendable (UnsafeRawBufferPointer) -> Void
    /// Takes bytes out of memory that come back by themselves when they are read again; nil where they would be lost.
    private let evict: (@Sendable (UnsafeRawBufferPointer) -> Void)?

    /// Adopts `bytes`; `release` runs once, on whatever thread drops the last reference.
    ///
    /// - Parameter evict: takes some of the bytes out of memory, for storage that can read them again.
    public init(
        adopting bytes: UnsafeRawBufferPointer, release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void,
        evict: (@Sendable (UnsafeRawBufferPointer) -> Void)? = nil
    ) {
        self.bytes = bytes
        self.evict = evict
        self.release = release
    }

    /// Says that a range will not be read soon. Harmless if it is.
    func evict(_ range: Range<Int>) { evict?(UnsafeRawBufferPointer(rebasing: bytes[range])) }

    deinit { release(bytes) }

    /// Number of bytes.
    public var count: Int { bytes.count }

    /// Allocates `byteCount` bytes on a cache-line boundary and lets `fill` write them.
    public static func filled(
        byteCount: Int, with fill: (UnsafeMutableRawBufferPointer) throws -> Void
    ) rethrows -> Storage {
        let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: Storage.alignment)
        do {
            try fill(raw)
        } catch {
            raw.deallocate()
            throw error
        }
        return Storage(adopting: UnsafeRawBufferPointer(raw)) { $0.deallocate() }
    }

    /// The alignment of every allocation, in bytes: one cache line, one AVX-512 register.
    public static let alignment = 64
}
