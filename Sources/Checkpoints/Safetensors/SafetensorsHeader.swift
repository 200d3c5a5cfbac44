import StrictJSON
import Tensors

/// The table of contents of a safetensors file, completely checked before a byte of data is touched.
///
/// Layout of the file: 8 bytes little-endian length, that many bytes of JSON, then the data.
/// See https://github.com/huggingface/safetensors#format.
struct SafetensorsHeader: Sendable {
    /// One tensor: what it is and which bytes of the file it takes.
    struct Entry: Sendable {
        let descriptor: TensorDescriptor
        /// Absolute position in the file.
        let range: Range<Int>
    }

    /// All entries by name.
    let entries: [String: Entry]
    /// The free-form `__metadata__`.
    let metadata: [String: String]

    /// Largest header that the format allows, in bytes.
    static let byteLimit = 100_000_000
    /// Most tensors per file.
    static let tensorLimit = 1 << 20
    /// Most extents per shape.
    static let rankLimit = 32
    /// The key that holds the metadata instead of a tensor.
    static let metadataKey = "__metadata__"

    /// Reads and checks the header of a file.
    init(of file: CheckpointFile) throws {
        guard file.size >= 8 else {
            throw CheckpointError.malformed(
                file: file.path, field: "header length", problem: "the file has \(file.size) bytes, fewer than the 8 of the length")
        }
        try file.refusePointer(try file.array(0..<min(file.size, 64)))
        let length = try file.array(0..<8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(Self.byteLimit) else {
            throw CheckpointError.limit(
                file: file.path, field: "the header length", value: Int(clamping: length), limit: Self.byteLimit)
        }
        guard Int(length) <= file.size - 8 else {
            throw CheckpointError.malformed(
                file: file.path, field: "header length",
                problem: "\(length) bytes, but only \(file.size - 8) follow; the file is truncated")
        }
        let start = 8 + Int(length)
        try self.init(json: try file.array(8..<start), dataStart: start, dataSize: file.size - start, file: file.path)
    }

    /// Checks a header text against the size of the data that follows it.
    init(json: [UInt8], dataStart: Int, dataSize: Int, file: String) throws {
        guard json.first == UInt8(ascii: "{") else {
            throw CheckpointError.malformed(file: file, field: "header", problem: "it does not start with {")
        }
        var entries: [String: Entry] = [:]
        var metadata: [String: String] = [:]
        do {
            var scanner = JSONScanner(json)
            try scanner.object { name, scanner in
                if name == Self.metadataKey {
                    try scanner.object { key, scanner in metadata[key] = try scanner.string() }
                } else {
                    guard !name.isEmpty else { throw scanner.problem("a tensor has an empty name") }
                    guard entries.count < Self.tensorLimit else { throw scanner.problem("more than \(Self.tensorLimit) tensors") }
                    entries[name] = try Self.entry(name, &scanner, dataStart: dataStart, dataSize: dataSize, file: file)
                }
            }
            try scanner.end()
        } catch let problem as JSONScanner.Problem {
            throw CheckpointError.malformed(
                file: file, field: "header", problem: "\(problem.text), at byte \(problem.position) of the header")
        }
        try Self.checkCoverage(entries, dataStart: dataStart, dataSize: dataSize, file: file)
        self.entries = entries
        self.metadata = metadata
    }

    private static func entry(
        _ name: String, _ scanner: inout JSONScanner, dataStart: Int, dataSize: Int, file: String
    ) throws -> Entry {
        var typeName: String?
        var shape: [Int]?
        var offsets: [Int]?
        try scanner.object { field, scanner in
            switch field {
            case "dtype": typeName = try scanner.string()
            case "shape": shape = try naturals(&scanner, limit: rankLimit)
            case "data_offsets": offsets = try naturals(&scanner, limit: 2)
            default: throw scanner.problem("tensor \(quoted(name)) has the unknown field \(quoted(field))")
            }
        }
        let field = "tensor \(quoted(name))"
        guard let typeName, let shape, let offsets, offsets.count == 2 else {
            throw CheckpointError.malformed(file: file, field: field, problem: "dtype, shape or data_offsets is missing or incomplete")
        }
        guard let dtype = DType(rawValue: typeName) else {
            throw CheckpointError.unsupported(
                file: file, what: "the dtype \(quoted(typeName)) of \(field)",
                hint: "save it as one of \(DType.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        guard offsets[0] <= offsets[1], offsets[1] <= dataSize else {
            throw CheckpointError.malformed(
                file: file, field: field, problem: "its bytes \(offsets[0]) to \(offsets[1]) do not lie within the \(dataSize) bytes of data")
        }
        guard let size = try? Tensor.byteCount(dtype: dtype, shape: shape), size == offsets[1] - offsets[0] else {
            throw CheckpointError.malformed(
                file: file, field: field,
                problem: "its shape \(shape) of \(typeName) does not take the \(offsets[1] - offsets[0]) bytes of its data_offsets")
        }
        return Entry(
            descriptor: TensorDescriptor(dtype: dtype, shape: shape),
            range: dataStart + offsets[0]..<dataStart + offsets[1])
    }

    private static func naturals(_ scanner: inout JSONScanner, limit: Int) throws -> [Int] {
        var values: [Int] = []
        try scanner.array(limit: limit) { values.append(try $0.natural()) }
        return values
    }

    /// Tensors must tile the data exactly: what overlaps or is left over could carry something that nobody checks.
    private static func checkCoverage(_ entries: [String: Entry], dataStart: Int, dataSize: Int, file: String) throws {
        let ordered = entries.sorted {
            ($0.value.range.lowerBound, $0.value.range.upperBound) < ($1.value.range.lowerBound, $1.value.range.upperBound)
        }
        var end = dataStart
        for (name, entry) in ordered {
            guard entry.range.lowerBound == end else {
                throw CheckpointError.malformed(
                    file: file, field: "tensor \(quoted(name))",
                    problem: entry.range.lowerBound < end
                        ? "it overlaps another tensor at byte \(entry.range.lowerBound - dataStart) of the data"
                        : "bytes \(end - dataStart) to \(entry.range.lowerBound - dataStart) before it belong to no tensor")
            }
            end = entry.range.upperBound
        }
        guard end == dataStart + dataSize else {
            throw CheckpointError.malformed(
                file: file, field: "data", problem: "the last \(dataStart + dataSize - end) bytes belong to no tensor")
        }
    }
}
