import Checkpoints
import Foundation

/// The folder that the image paths of data files start from. Nothing outside it is read through a path of a file.
public struct ImageFolder: Sendable, Hashable {
    /// Largest image file, in bytes.
    public static let sizeLimit = 32 << 20

    /// The folder's path, as it was given.
    public let path: String

    public init(path: String) { self.path = path }

    /// Why an image of a data file cannot be had.
    public struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// `unsafePath` or `missingImage`.
        public let kind: DataProblem.Kind
        public let description: String
    }

    /// Where the image lies.
    ///
    /// - Throws: `Failure` when the path is empty or absolute, has a `..`, or a NUL.
    public func location(of image: String) throws(Failure) -> String {
        let parts = image.split(separator: "/", omittingEmptySubsequences: true)
        guard !parts.isEmpty, !image.hasPrefix("/"), !parts.contains(".."), !image.utf8.contains(0) else {
            throw Failure(kind: .unsafePath, description: "the image path \(quoted(image)) is empty, absolute or leads upwards")
        }
        return path.hasSuffix("/") ? path + image : path + "/" + image
    }

    /// The image's file.
    ///
    /// - Throws: `Failure` when the path is refused, or there is no regular file that may be read, of at most `sizeLimit` bytes.
    public func bytes(of image: String) throws(Failure) -> [UInt8] {
        let place = try location(of: image)
        do {
            return try CheckpointFile.contents(of: place, limit: Self.sizeLimit)
        } catch {
            throw Failure(kind: .missingImage, description: "the image \(error)")
        }
    }
}
