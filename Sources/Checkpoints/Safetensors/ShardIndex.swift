import StrictJSON

/// The index of a sharded checkpoint: which file holds which tensor (`*.index.json`).
struct ShardIndex: Sendable {
    /// Tensor name to plain file name.
    let files: [String: String]

    /// Largest index, in bytes.
    static let byteLimit = 100_000_000
    /// Most files.
    static let fileLimit = 4096

    /// Reads the index at `path`.
    ///
    /// - Throws: `CheckpointError.malformed` for broken JSON, equal keys, or file names that leave the folder.
    init(path: String) throws {
        try self.init(json: try CheckpointFile.contents(of: path, limit: Self.byteLimit), path: path)
    }

    init(json: [UInt8], path: String) throws {
        var files: [String: String] = [:]
        var found = false
        do {
            var scanner = JSONScanner(json)
            try scanner.object { key, scanner in
                guard key == "weight_map" else { return try scanner.skip() }
                found = true
                try scanner.object { name, scanner in
                    guard !name.isEmpty else { throw scanner.problem("a tensor has an empty name") }
                    let file = try scanner.string()
                    guard isPlainFileName(file) else {
                        throw scanner.problem("\(quoted(file)) is not a plain file name inside the folder")
                    }
                    files[name] = file
                }
            }
            try scanner.end()
        } catch let problem as JSONScanner.Problem {
            throw CheckpointError.malformed(file: path, field: "index", problem: "\(problem.text), at byte \(problem.position)")
        }
        guard found else { throw CheckpointError.malformed(file: path, field: "index", problem: "there is no weight_map") }
        let count = Set(files.values).count
        guard count <= Self.fileLimit else {
            throw CheckpointError.limit(file: path, field: "the number of files in weight_map", value: count, limit: Self.fileLimit)
        }
        self.files = files
    }

    /// Opens every file of the index and checks that index and files name the same tensors.
    func open<Part: TensorSource>(
        in folder: String, indexPath: String, _ open: (String) throws -> Part
    ) throws -> [String: Part] {
        var parts: [String: Part] = [:]
        for file in Set(files.values).sorted(by: inByteOrder) {
            let part = try open(joined(folder, file))
            for name in part.names where files[name] != file {
                throw CheckpointError.malformed(
                    file: joined(folder, file), field: "tensor \(quoted(name))",
                    problem: files[name].map { "the index \(quoted(indexPath)) says that it is in \(quoted($0))" }
                        ?? "the index \(quoted(indexPath)) does not list it")
            }
            parts[file] = part
        }
        for (name, file) in files.sorted(by: { inByteOrder($0.key, $1.key) }) where parts[file]?.descriptor(name) == nil {
            throw CheckpointError.missingTensor(file: joined(folder, file), tensor: name)
        }
        return parts
    }
}

/// Whether `name` names a file directly inside a folder: no separators, no `.` or `..`, no NUL.
func isPlainFileName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(0)
        && name.utf8.count <= 255
}

/// The path of `name` inside `folder`.
func joined(_ folder: String, _ name: String) -> String { folder.hasSuffix("/") ? folder + name : folder + "/" + name }
