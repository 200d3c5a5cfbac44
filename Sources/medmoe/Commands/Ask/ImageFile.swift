import Foundation
import MedMoE

/// An encoded image and where it came from.
struct ImageFile: Sendable {
    let path: String
    let bytes: [UInt8]

    /// - Throws: `AnswerError` that names the file when it cannot be read, is empty, or is larger than any image that is
    ///   accepted.
    init(path: String) throws {
        let limit = 32 << 20
        func failure(_ problem: String) -> AnswerError { AnswerError(.invalidImage, "\(path): \(problem)") }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw failure("there is no such image file; check the path")
        }
        guard !isFolder.boolValue else { throw failure("is a folder; name a JPEG or PNG file") }
        guard let handle = FileHandle(forReadingAtPath: path) else { throw failure("may not be read; check its permissions") }
        defer { try? handle.close() }
        let data: Data?
        do {
            data = try handle.read(upToCount: limit + 1)
        } catch {
            throw failure("cannot be read: \(error.localizedDescription)")
        }
        let bytes = [UInt8](data ?? Data())
        guard bytes.count <= limit else { throw failure("is larger than \(limit >> 20) MiB; make the image smaller") }
        guard !bytes.isEmpty else { throw failure("is empty; save the image again") }
        self.path = path
        self.bytes = bytes
    }
}

/// Runs `body`; an error about an image that it sent then says which file that was.
///
/// The model, perhaps on another machine, knows the images by their number only.
func naming<R>(_ images: [ImageFile], _ body: () async throws -> R) async throws -> R {
    do {
        return try await body()
    } catch let error as AnswerError where error.code == .invalidImage {
        for (index, image) in images.enumerated() {
            let number = "image \(index + 1):"
            if error.reason.hasPrefix(number) {
                throw AnswerError(.invalidImage, "\(image.path):" + error.reason.dropFirst(number.count))
            }
        }
        throw error
    }
}
