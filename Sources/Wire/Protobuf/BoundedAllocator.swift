import CProtobufC

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Memory for one unpacking: refuses to give more than a budget in all, so that a small envelope with a flood of
/// repeated fields cannot become a large structure.
enum BoundedAllocator {
    /// Runs `body` with an allocator that gives at most `budget` bytes.
    static func with<R>(budget: Int, _ body: (UnsafeMutablePointer<ProtobufCAllocator>) throws -> R) rethrows -> R {
        var left = budget
        return try withUnsafeMutablePointer(to: &left) { left in
            var allocator = ProtobufCAllocator(
                alloc: { data, size in
                    guard let left = data?.assumingMemoryBound(to: Int.self), size <= left.pointee else { return nil }
                    left.pointee -= size
                    return malloc(max(1, size))
                },
                free: { _, pointer in free(pointer) },
                allocator_data: UnsafeMutableRawPointer(left))
            return try withUnsafeMutablePointer(to: &allocator, body)
        }
    }
}
