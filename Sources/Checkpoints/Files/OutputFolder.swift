import Glibc

/// A folder that fills completely or not at all.
///
/// Files are written into a hidden folder inside it and move to their places at the end; on failure everything that was made
/// is removed. Inside, not beside: the folder may be a mount of its own.
enum OutputFolder {
    /// Makes or takes the empty folder at `path` and lets `fill` write into the folder that it is given.
    ///
    /// - Parameter last: the name that moves last, so that an interrupted move leaves nothing that looks complete.
    /// - Throws: `CheckpointError.outputExists` when the folder has something in it, `.system`, and what `fill` throws.
    static func create(_ path: String, last: String, _ fill: (_ aside: String) throws -> Void) throws {
        let made = mkdir(path, 0o777) == 0
        guard made || errno == EEXIST else {
            throw CheckpointError.system(file: path, operation: "making the folder", reason: systemReason())
        }
        guard try namesInFolder(path, hidden: true).isEmpty else { throw CheckpointError.outputExists(folder: path) }
        let aside = joined(path, ".\(UInt64.random(in: .min ... .max)).part")
        do {
            guard mkdir(aside, 0o777) == 0 else {
                throw CheckpointError.system(file: aside, operation: "making the folder", reason: systemReason())
            }
            try fill(aside)
            let names = try namesInFolder(aside, hidden: true)
            for name in names.filter({ $0 != last }) + names.filter({ $0 == last }) {
                guard rename(joined(aside, name), joined(path, name)) == 0 else {
                    throw CheckpointError.system(file: joined(path, name), operation: "renaming", reason: systemReason())
                }
            }
            rmdir(aside)
        } catch {
            remove(contentsOf: path)
            if made { rmdir(path) }
            throw error
        }
    }

    /// Removes everything in a folder that was empty before we began. Links are removed, not followed.
    private static func remove(contentsOf path: String) {
        for name in (try? namesInFolder(path, hidden: true)) ?? [] {
            let child = joined(path, name)
            if unlink(child) == 0 { continue }
            remove(contentsOf: child)
            rmdir(child)
        }
    }
}
