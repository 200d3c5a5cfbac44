import Glibc

/// A file that is written aside and appears under its name only when it is complete and on the disk.
struct AtomicFile: ~Copyable {
    private let path: String
    private let aside: String
    private let descriptor: Int32
    private var finished = false

    /// Begins a file beside `path`.
    init(path: String) throws {
        self.path = path
        aside = joined(folder(of: path), ".\(path.split(separator: "/").last ?? "file").\(UInt64.random(in: .min ... .max)).part")
        descriptor = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            let reason = systemReason()
            finished = true
            throw CheckpointError.system(file: path, operation: "creating", reason: reason)
        }
    }

    deinit {
        if !finished {
            close(descriptor)
            unlink(aside)
        }
    }

    /// Appends bytes.
    func write(_ bytes: UnsafeRawBufferPointer) throws {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(descriptor, bytes.baseAddress! + done, min(bytes.count - done, 1 << 24))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw CheckpointError.system(file: path, operation: "writing", reason: systemReason()) }
            done += count
        }
    }

    /// Appends bytes.
    func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    /// Writes a whole small file.
    static func write(_ bytes: [UInt8], to path: String) throws {
        let file = try AtomicFile(path: path)
        try file.write(bytes)
        try file.commit()
    }

    /// Copies a whole file.
    static func copy(_ source: String, to path: String) throws {
        let original = try CheckpointFile(path: source)
        let file = try AtomicFile(path: path)
        try original.withBlocks(of: 0..<original.size) { try file.write($0) }
        try file.commit()
    }

    /// Puts the bytes on the disk and gives the file its name, replacing what bore it.
    consuming func commit() throws {
        guard fsync(descriptor) == 0 else { throw CheckpointError.system(file: path, operation: "writing to disk", reason: systemReason()) }
        guard rename(aside, path) == 0 else { throw CheckpointError.system(file: path, operation: "renaming", reason: systemReason()) }
        close(descriptor)
        finished = true
        syncFolder(folder(of: path))
    }
}

/// Puts the names in a folder on the disk. Some file systems refuse that for folders; the files themselves are safe by then.
private func syncFolder(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor >= 0 {
        fsync(descriptor)
        close(descriptor)
    }
}
