import Foundation

/// Reads a text file line by line, a piece of it in memory at a time.
enum LineFile {
    /// A line without its end.
    struct Line {
        /// From 1.
        var number: Int
        var bytes: [UInt8]
        /// Whether a line break ends it: only the last line can be without one.
        var isComplete: Bool
    }

    private static let chunk = 1 << 20

    /// Calls `body` with each line.
    ///
    /// - Parameter longest: bytes that a line may have.
    /// - Throws: `LineFileError`, or whatever `body` throws.
    static func forEachLine(of path: String, longest: Int, _ body: (Line) throws -> Void) throws {
        // A pipe could block for ever, a device could go on for ever.
        let target = URL(filePath: path).resolvingSymlinksInPath()
        let handle: FileHandle
        do {
            guard try target.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true else {
                throw LineFileError.unreadable(file: path, reason: "it is not a regular file")
            }
            handle = try FileHandle(forReadingFrom: target)
        } catch let error as LineFileError {
            throw error
        } catch {
            throw LineFileError.unreadable(file: path, reason: error.localizedDescription)
        }
        defer { try? handle.close() }
        var rest: [UInt8] = []
        var number = 0
        func deliver(_ line: ArraySlice<UInt8>, isComplete: Bool) throws {
            number += 1
            guard line.count <= longest else { throw LineFileError.lineTooLong(file: path, line: number, limit: longest) }
            try body(Line(number: number, bytes: Array(line), isComplete: isComplete))
        }
        while true {
            let data: Data?
            do { data = try handle.read(upToCount: chunk) } catch {
                throw LineFileError.unreadable(file: path, reason: error.localizedDescription)
            }
            guard let data, !data.isEmpty else { break }
            let searched = rest.count
            rest += data
            var begin = 0
            var position = searched
            while let end = rest[position...].firstIndex(of: 0x0A) {
                try deliver(rest[begin..<end], isComplete: true)
                begin = end + 1
                position = begin
            }
            rest.removeSubrange(..<begin)
            guard rest.count <= longest else { throw LineFileError.lineTooLong(file: path, line: number + 1, limit: longest) }
        }
        if !rest.isEmpty { try deliver(rest[...], isComplete: false) }
    }
}

/// Why a text file cannot be read line by line.
public enum LineFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The file is missing, no regular file, or cannot be read.
    case unreadable(file: String, reason: String)
    /// A line has more bytes than any that is meant.
    case lineTooLong(file: String, line: Int, limit: Int)
    /// A line is not valid UTF-8.
    case notText(file: String, line: Int)

    public var description: String {
        switch self {
        case .unreadable(let file, let reason): "\(file) cannot be read: \(reason)"
        case .lineTooLong(let file, let line, let limit): "\(file), line \(line): it has more than \(limit) bytes; is this a text file?"
        case .notText(let file, let line): "\(file), line \(line): it is not valid UTF-8; convert the file"
        }
    }
}
