import Foundation

/// Appends records to a log, one complete line at a time.
///
/// Who was killed while writing left half a line: it is cut off before the first record is added, so that it spoils no other.
public final class TrainingLogWriter {
    private let path: String
    private let handle: FileHandle

    /// Opens a log to go on with, or makes one.
    ///
    /// - Throws: `TrainingLogWriterError`.
    public init(appendingTo path: String) throws {
        self.path = path
        do {
            if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(filePath: path), options: .withoutOverwriting) }
            handle = try FileHandle(forUpdating: URL(filePath: path))
            try Self.cutTornEnd(handle)
        } catch {
            throw TrainingLogWriterError(file: path, reason: error.localizedDescription)
        }
    }

    deinit { try? handle.close() }

    /// Adds a record.
    ///
    /// - Throws: `TrainingLogWriterError`, as when the disk is full.
    public func append(_ record: TrainingRecord) throws {
        do { try handle.write(contentsOf: try TrainingLogCoding.line(record)) } catch {
            throw TrainingLogWriterError(file: path, reason: error.localizedDescription)
        }
    }

    /// Leaves the handle at the end of the last complete line.
    private static func cutTornEnd(_ handle: FileHandle) throws {
        let size = try handle.seekToEnd()
        var end = size
        let chunk: UInt64 = 1 << 16
        while end > 0 {
            let begin = end > chunk ? end - chunk : 0
            try handle.seek(toOffset: begin)
            let data = try handle.read(upToCount: Int(end - begin)) ?? Data()
            if let last = data.lastIndex(of: 0x0A) {
                end = begin + UInt64(data.distance(from: data.startIndex, to: last)) + 1
                break
            }
            end = begin
        }
        if end < size { try handle.truncate(atOffset: end) }
        try handle.seek(toOffset: end)
    }
}

/// Why a log cannot be written.
public struct TrainingLogWriterError: Error, Sendable, Hashable, CustomStringConvertible {
    public let file: String
    public let reason: String

    public var description: String { "\(file): the log cannot be written: \(reason); check the folder and the free space" }
}
