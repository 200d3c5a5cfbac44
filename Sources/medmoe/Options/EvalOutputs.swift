import ArgumentParser
import Foundation

/// Where an evaluation's results go, besides the table.
struct EvalOutputs: ParsableArguments {
    @Option(help: ArgumentHelp("File for the report as JSON; - for standard output, without the table.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("File for the report as Markdown.", valueName: "file"))
    var markdown: String?

    @Option(help: ArgumentHelp("File for every answer, as JSON lines.", valueName: "file"))
    var predictions: String?

    /// Makes sure that files can be written, so that a long evaluation does not end with nowhere to write to.
    ///
    /// - Throws: `LoadOutputError` that names the path.
    func prepare() throws {
        for path in [json, markdown, predictions].compactMap({ $0 }) where path != "-" {
            let folder = URL(filePath: path).deletingLastPathComponent().path
            var isFolder: ObjCBool = false
            guard FileManager.default.isWritableFile(atPath: folder),
                !FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) || !isFolder.boolValue
            else { throw LoadOutputError(description: "\(path): no file can be written there; name one in a folder that exists") }
        }
    }

    func validate() throws {
        if markdown == "-" || predictions == "-" { throw ValidationError("Only --json may be -, for standard output.") }
    }
}
