import Tensors

extension SafetensorsWriter {
    /// Writes tensors into `folder` as `model.safetensors`, or, when they take more than `fileLimit` bytes, as
    /// `model-00001-of-0000N.safetensors` and so on with an index.
    ///
    /// A tensor larger than the limit gets a file of its own.
    /// - Parameter metadata: goes into every file.
    static func writeSharded(
        _ source: some TensorSource, metadata: [String: String] = [:], to folder: String, fileLimit: Int
    ) throws {
        var groups: [[String]] = [[]]
        var size = 0
        var total = 0
        for name in source.names {
            guard let descriptor = source.descriptor(name) else {
                throw CheckpointError.missingTensor(file: source.file(of: name), tensor: name)
            }
            let byteCount = try Tensor.byteCount(dtype: descriptor.dtype, shape: descriptor.shape)
            if size > 0, byteCount > fileLimit - size {
                groups.append([])
                size = 0
            }
            groups[groups.count - 1].append(name)
            size += byteCount
            total += byteCount
        }
        guard groups.count > 1 else {
            try write(source, metadata: metadata, to: joined(folder, "model.safetensors"))
            return
        }
        var places: [JSONValue.Member] = []
        for (number, names) in groups.enumerated() {
            let file = "model-\(fiveDigits(number + 1))-of-\(fiveDigits(groups.count)).safetensors"
            try write(source, names: names, metadata: metadata, to: joined(folder, file))
            places += names.map { .init(key: $0, value: .string(file)) }
        }
        let index = JSONValue.object([
            .init(key: "metadata", value: .object([.init(key: "total_size", value: .number(String(total)))])),
            .init(key: "weight_map", value: .object(places.sorted { inByteOrder($0.key, $1.key) })),
        ])
        try AtomicFile.write(Array(index.rendered.utf8), to: joined(folder, "model.safetensors.index.json"))
    }

    private static func fiveDigits(_ number: Int) -> String {
        String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
    }
}
