import Tensors

/// Writes safetensors files: aside, to the disk, then under their name; one tensor at a time.
public enum SafetensorsWriter {
    /// Data starts at a multiple of this many bytes.
    static let dataAlignment = 64

    /// Writes tensors that are at hand.
    public static func write(_ tensors: [String: Tensor], metadata: [String: String] = [:], to path: String) throws {
        try write(MemoryTensors(tensors), metadata: metadata, to: path)
    }

    /// Writes the named tensors of a source (all when `names` is nil). No more than one block of one tensor is in memory for it.
    ///
    /// Larger elements come first, then names in byte order, so every tensor is aligned to its element.
    /// - Throws: `CheckpointError` when a tensor is missing, or the file cannot be written; then nothing is left under `path`.
    public static func write(
        _ source: some TensorSource, names: [String]? = nil, metadata: [String: String] = [:], to path: String
    ) throws {
        var entries: [(name: String, descriptor: TensorDescriptor)] = []
        for name in names ?? source.names {
            guard let descriptor = source.descriptor(name) else {
                throw CheckpointError.missingTensor(file: source.file(of: name), tensor: name)
            }
            entries.append((name, descriptor))
        }
        entries.sort {
            $0.descriptor.dtype.byteCount != $1.descriptor.dtype.byteCount
                ? $0.descriptor.dtype.byteCount > $1.descriptor.dtype.byteCount : inByteOrder($0.name, $1.name)
        }
        let file = try AtomicFile(path: path)
        try file.write(try header(entries, metadata: metadata, path: path))
        for entry in entries {
            var rest = try Tensor.byteCount(dtype: entry.descriptor.dtype, shape: entry.descriptor.shape)
            try source.withBlocks(of: entry.name) { block in
                rest -= block.count
                try file.write(block)
            }
            guard rest == 0 else {
                throw CheckpointError.mismatch(
                    file: source.file(of: entry.name), tensor: entry.name, expected: "a number of bytes that fits its shape",
                    found: "\(abs(rest)) bytes \(rest > 0 ? "short" : "too long")")
            }
        }
        try file.commit()
    }

    /// Length and JSON text, padded with blanks so that the data is aligned.
    private static func header(
        _ entries: [(name: String, descriptor: TensorDescriptor)], metadata: [String: String], path: String
    ) throws -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { inByteOrder($0.key, $1.key) }
                .map { "\(JSONValue.literal($0.key)):\(JSONValue.literal($0.value))" }
            members.append("\"\(SafetensorsHeader.metadataKey)\":{\(pairs.joined(separator: ","))}")
        }
        var offset = 0
        var previous: String?
        for (name, descriptor) in entries {
            guard !name.isEmpty, name != SafetensorsHeader.metadataKey, name != previous else {
                throw CheckpointError.request("a safetensors file cannot hold a tensor with the name \(quoted(name)), or two of one name")
            }
            previous = name
            let size = try Tensor.byteCount(dtype: descriptor.dtype, shape: descriptor.shape)
            let (end, overflow) = offset.addingReportingOverflow(size)
            guard !overflow else { throw CheckpointError.limit(file: path, field: "the size of the tensors together", value: .max, limit: .max) }
            members.append(
                "\(JSONValue.literal(name)):{\"dtype\":\"\(descriptor.dtype.rawValue)\",\"shape\":[\(descriptor.shape.map(String.init).joined(separator: ","))],\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        var text = [UInt8]("{\(members.joined(separator: ","))}".utf8)
        let padded = (8 + text.count + dataAlignment - 1) / dataAlignment * dataAlignment - 8
        text += [UInt8](repeating: UInt8(ascii: " "), count: padded - text.count)
        guard text.count <= SafetensorsHeader.byteLimit else {
            throw CheckpointError.limit(file: path, field: "the header length", value: text.count, limit: SafetensorsHeader.byteLimit)
        }
        return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
    }
}

/// Tensors at hand as a source.
public struct MemoryTensors: TensorSource {
    public let names: [String]
    private let tensors: [String: Tensor]

    public init(_ tensors: [String: Tensor]) {
        self.tensors = tensors
        names = tensors.keys.sorted(by: inByteOrder)
    }

    public func descriptor(_ name: String) -> TensorDescriptor? {
        tensors[name].map { TensorDescriptor(dtype: $0.dtype, shape: $0.shape) }
    }

    public func tensor(_ name: String) throws -> Tensor {
        guard let tensor = tensors[name] else { throw CheckpointError.missingTensor(file: file(of: name), tensor: name) }
        return tensor
    }
}
