import Glibc
import Tensors

/// How the bytes of a checkpoint get into memory.
public enum ReadMode: Sendable, Hashable {
    /// Map the file: nothing is read before it is touched, and the pages are shared with other processes.
    /// A file that another program truncates meanwhile ends this process; use `copied` where that can happen.
    case mapped
    /// Read each tensor into memory of our own when it is asked for (`--no-mmap`). A truncated file is a typed error.
    case copied
}

/// A regular file, open for reading as long as this object lives.
///
/// Mapping, reading and the facts (size, modification time) all concern the one file that was opened, even if its name
/// is given to another file later.
public final class CheckpointFile: Sendable {
    /// The path as it was given.
    public let path: String
    /// Size in bytes when the file was opened.
    public let size: Int
    /// Time of last modification, in nanoseconds since 1970, when the file was opened.
    public let modified: Int
    private let descriptor: Int32

    /// Opens a regular file.
    ///
    /// - Throws: `CheckpointError.system` when there is none or it may not be read; `.unsupported` for pipes, devices
    ///   and folders.
    public init(path: String) throws {
        // Without O_NONBLOCK, opening a named pipe waits for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw CheckpointError.system(file: path, operation: "opening", reason: systemReason()) }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else {
            let reason = systemReason()
            close(descriptor)
            throw CheckpointError.system(file: path, operation: "opening", reason: reason)
        }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw CheckpointError.unsupported(file: path, what: "something that is not a regular file", hint: "name a file")
        }
        self.path = path
        self.size = Int(facts.st_size)
        self.modified = Int(facts.st_mtim.tv_sec) &* 1_000_000_000 &+ Int(facts.st_mtim.tv_nsec)
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Fills `buffer` with the bytes from `offset`.
    ///
    /// - Throws: `CheckpointError.system` when the file ends before the buffer is full.
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws {
        var done = 0
        while done < buffer.count {
            let count = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let reason = count == 0 ? "the file ends at byte \(offset + done), it was truncated" : systemReason()
                throw CheckpointError.system(file: path, operation: "reading", reason: reason)
            }
            done += count
        }
    }

    /// The bytes of `range` in memory of our own. The range lies within the file.
    public func read(_ range: Range<Int>) throws -> Storage {
        try Storage.filled(byteCount: range.count) { try read(at: range.lowerBound, into: $0) }
    }

    /// The bytes of `range` as an array, for small things.
    package func array(_ range: Range<Int>) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            try read(at: range.lowerBound, into: UnsafeMutableRawBufferPointer(buffer))
            count = range.count
        }
    }

    /// Maps the whole file read-only. The mapping ends with the last reference to the storage; it does not need this object.
    ///
    /// - Throws: `CheckpointError.system` when the mapping is refused or the file is empty.
    public func map() throws -> Storage {
        guard size > 0, let start = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0), start != MAP_FAILED else {
            throw CheckpointError.system(
                file: path, operation: "mapping", reason: size == 0 ? "the file is empty" : systemReason())
        }
        return Storage(
            adopting: UnsafeRawBufferPointer(start: start, count: size),
            release: { bytes in munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) },
            evict: { bytes in
                // Whole pages only: the first and the last may be the neighbours'.
                let page = sysconf(Int32(_SC_PAGESIZE))
                let first = (Int(bitPattern: bytes.baseAddress) + page - 1) / page * page
                let end = (Int(bitPattern: bytes.baseAddress) + bytes.count) / page * page
                if first < end { madvise(UnsafeMutableRawPointer(bitPattern: first), end - first, MADV_DONTNEED) }
            })
    }

    /// Gives `body` the bytes of `range`, block by block, without the mapping: the resident memory does not grow.
    public func withBlocks(
        of range: Range<Int>, blockSize: Int = 1 << 20, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: min(blockSize, max(range.count, 1)), alignment: 64)
        defer { block.deallocate() }
        var offset = range.lowerBound
        while offset < range.upperBound {
            let part = UnsafeMutableRawBufferPointer(rebasing: block[..<min(block.count, range.upperBound - offset)])
            try read(at: offset, into: part)
            try body(UnsafeRawBufferPointer(part))
            offset += part.count
        }
    }

    /// The whole of a small text file, such as a JSON document.
    ///
    /// - Throws: `CheckpointError.limit` when it is larger than `limit` bytes.
    package static func contents(of path: String, limit: Int) throws -> [UInt8] {
        let file = try CheckpointFile(path: path)
        guard file.size <= limit else {
            throw CheckpointError.limit(file: path, field: "the size in bytes", value: file.size, limit: limit)
        }
        return try file.array(0..<file.size)
    }
}

/// The text of the current `errno`.
func systemReason() -> String { String(cString: strerror(errno)) }
