import Glibc

/// The names of what lies directly in a folder, sorted, hidden files left out.
///
/// - Throws: `CheckpointError.system` when it cannot be read.
func namesInFolder(_ path: String, hidden: Bool = false) throws -> [String] {
    guard let stream = opendir(path) else {
        throw CheckpointError.system(file: path, operation: "listing the folder", reason: systemReason())
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if name != ".", name != "..", hidden || !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted(by: inByteOrder)
}

/// Whether there is a folder at `path`.
func isFolder(_ path: String) -> Bool {
    var facts = stat()
    return stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
}
