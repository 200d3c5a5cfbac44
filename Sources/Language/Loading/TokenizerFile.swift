import Foundation

/// Reads the files of a tokeniser, with limits.
enum TokenizerFile {
    /// The largest known `tokenizer.json` has about 35 MB.
    static let mostBytes = 128 << 20

    /// The whole content of a regular file of at most `mostBytes`.
    static func read(_ url: URL, mostBytes: Int = mostBytes) throws(TokenizerError) -> [UInt8] {
        // Checkpoint caches are full of symbolic links; anything but a file at their end (a pipe, a device) could block for ever.
        let path = url.resolvingSymlinksInPath().path
        do {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            guard attributes[.type] as? FileAttributeType == .typeRegular else {
                throw TokenizerError.unreadable(file: url.path, reason: "it is not a regular file")
            }
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            // Reading one byte more than allowed tells a file that grew from one that fits.
            let data = try handle.read(upToCount: mostBytes + 1) ?? Data()
            guard data.count <= mostBytes else {
                let size = (attributes[.size] as? NSNumber)?.intValue ?? data.count
                throw TokenizerError.tooLarge(file: url.path, bytes: max(size, data.count), limit: mostBytes)
            }
            return [UInt8](data)
        } catch let error as TokenizerError {
            throw error
        } catch {
            throw .unreadable(file: url.path, reason: error.localizedDescription)
        }
    }

    /// Whether a path leads to something.
    static func exists(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }
}
