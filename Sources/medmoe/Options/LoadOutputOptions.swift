import ArgumentParser
import Foundation

/// Where a load's report goes, besides the table.
struct LoadOutputOptions: ParsableArguments {
    @Option(help: ArgumentHelp("File for the report as JSON; - for standard output, without the table.", valueName: "file"))
    var json: String?

    @Option(name: .customLong("plot"), help: ArgumentHelp("Folder for SVG plots; made where it is missing.", valueName: "dir"))
    var plotFolder: String?

    /// Makes the folders now, so that a long load does not end with nowhere to write to.
    ///
    /// - Throws: `LoadOutputError` that names the path.
    func prepare() throws {
        if let plotFolder { try LoadOutput.makeFolder(plotFolder) }
        if let json, json != "-" {
            let folder = URL(filePath: json).deletingLastPathComponent().path
            var isFolder: ObjCBool = false
            guard FileManager.default.isWritableFile(atPath: folder),
                !FileManager.default.fileExists(atPath: json, isDirectory: &isFolder) || !isFolder.boolValue
            else { throw LoadOutputError(description: "\(json): no file can be written there; name one in a folder that exists") }
        }
    }
}

/// A report or plot that cannot be written; the text names the path.
struct LoadOutputError: Error, Sendable, CustomStringConvertible {
    let description: String
}

enum LoadOutput {
    static func makeFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw LoadOutputError(description: "\(path): the folder cannot be made: \(error.localizedDescription)")
        }
    }

    static func write(_ text: String, to path: String) throws {
        do {
            try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw LoadOutputError(description: "\(path): cannot be written: \(error.localizedDescription)")
        }
    }
}
