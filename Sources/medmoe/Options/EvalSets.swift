import ArgumentParser
import Foundation

/// A file with the name that reports call it by: NAME=FILE, or FILE alone.
struct NamedFile: Sendable, Hashable, ExpressibleByArgument {
    let name: String
    let path: String

    /// Without a name the file's folder gives it, `slake/dev.json` → slake; a file without a folder is named by itself.
    init?(argument: String) {
        if let sign = argument.firstIndex(of: "="), !argument[..<sign].contains("/") {
            name = String(argument[..<sign])
            path = String(argument[argument.index(after: sign)...])
        } else {
            path = argument
            let parts = argument.split(separator: "/").filter { $0 != "." }
            let folder = parts.dropLast().last.flatMap { $0 == ".." ? nil : String($0) }
            name = folder ?? URL(filePath: argument).deletingPathExtension().lastPathComponent
        }
        guard !name.isEmpty, !path.isEmpty else { return nil }
    }

    /// The same file, named by itself instead of its folder where no name was given.
    var namedByItself: NamedFile {
        let named = NamedFile(argument: path)
        return named?.name == name ? NamedFile(name: URL(filePath: path).deletingPathExtension().lastPathComponent, path: path) : self
    }

    private init(name: String, path: String) {
        self.name = name
        self.path = path
    }
}

/// What a model is evaluated on.
struct EvalSets: ParsableArguments {
    @Option(name: .customLong("data"), parsing: .upToNextOption, help: ArgumentHelp("LLaVA conversation files, each with a name or with that of its folder.", valueName: "[name=]file"))
    var data: [NamedFile] = []

    @Option(name: .customLong("images"), help: ArgumentHelp("Folder that the image paths of --data start from.", valueName: "dir"))
    var imageFolder: String?

    @Option(name: .customLong("train"), parsing: .upToNextOption, help: ArgumentHelp("Training files, which give the baselines their answers: each for the set of the same name.", valueName: "[name=]file"))
    var training: [NamedFile] = []

    @Option(name: .customLong("npz"), help: ArgumentHelp("Images with class labels, as NumPy saves them (SPLIT_images, SPLIT_labels); may be repeated.", valueName: "[name=]file"))
    var arrayFiles: [NamedFile] = []

    @Option(help: ArgumentHelp("Class names of an --npz file in the order of its labels, once for each of them; spell them as the model learned its answers.", valueName: "a,b,c"))
    var labels: [String] = []

    @Option(help: ArgumentHelp("Which part of the --npz files: train, val or test.", valueName: "split"))
    var split = "val"

    @Option(name: .customLong("npz-question"), help: ArgumentHelp("What is asked about --npz images. Default: \"Is this image A, B or C?\"", valueName: "question"))
    var arrayQuestion: String?

    @Option(help: ArgumentHelp("Take only the first questions (or images) of each set.", valueName: "n"))
    var limit: Int?

    @Flag(name: .customLong("skip-bad"), help: "Leave out entries that the validation pass finds bad, and count them, instead of refusing to start.")
    var skipsBad = false

    /// The `--npz` files with their class names.
    var arraySets: [(file: NamedFile, classes: [String])] {
        zip(arrayFiles.map(\.namedByItself), labels).map { file, list in
            (file, list.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) })
        }
    }

    func validate() throws {
        guard !data.isEmpty || !arrayFiles.isEmpty else { throw ValidationError("Give --data FILE, or --npz FILE with --labels.") }
        if !data.isEmpty, imageFolder == nil { throw ValidationError("--data needs --images DIR, the folder that its image paths start from.") }
        for names in [data.map(\.name), arraySets.map(\.file.name)] {
            if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
                throw ValidationError("two sets are named \"\(twice)\": name them NAME=FILE")
            }
        }
        if let stray = training.first(where: { file in !data.contains { $0.name == file.name } }) {
            throw ValidationError("--train \(stray.path) is for the set \"\(stray.name)\", but --data has only \(data.map(\.name).joined(separator: ", ")); say NAME=FILE")
        }
        guard labels.count == arrayFiles.count else {
            throw ValidationError("--labels is given \(labels.count) times for \(arrayFiles.count) --npz files")
        }
        for (file, classes) in arraySets where classes.count < 2 || classes.contains("") || Set(classes).count != classes.count {
            throw ValidationError("--labels for \(file.path) needs at least two different, non-empty names, separated by commas.")
        }
        if let limit, limit < 1 { throw ValidationError("--limit is \(limit); at least 1 is needed") }
    }
}
