import Tensors

/// What identifies a tensor except its name: number type, shape, and the SHA-256 of its bytes in row-major little-endian order.
public struct TensorFingerprint: Sendable, Hashable {
    public let descriptor: TensorDescriptor
    /// SHA-256 of the bytes alone.
    public let content: CheckpointDigest

    public init(descriptor: TensorDescriptor, content: CheckpointDigest) {
        self.descriptor = descriptor
        self.content = content
    }

    /// The tensor's digest under a canonical name:
    ///
    ///     SHA-256( text("medmoe.tensor.1") text(name) text(dtype) number(rank) number(extent)… content )
    ///
    /// where `text` is the UTF-8 length as eight little-endian bytes and the UTF-8 bytes, `number` eight little-endian bytes,
    /// dtype the name that safetensors uses, and content the 32 bytes of `content`.
    public func digest(name: String) -> CheckpointDigest {
        var builder = DigestBuilder("medmoe.tensor.1")
        builder.add(name)
        builder.add(descriptor.dtype.rawValue)
        builder.add(descriptor.shape.count)
        for extent in descriptor.shape { builder.add(extent) }
        builder.add(content)
        return builder.digest
    }
}

/// The fingerprints of some or all tensors of a model, under their canonical names: those of the language model as in the
/// checkpoint, those of the tower from `vision_model.` on.
public struct TensorFingerprints: Sendable, Equatable {
    /// By canonical name.
    public internal(set) var tensors: [String: TensorFingerprint]

    public init(_ tensors: [String: TensorFingerprint] = [:]) { self.tensors = tensors }

    /// The digest of one domain expert of one mixture layer: over its tensors. Nil when none of them is known.
    public func expert(layer: Int, expert: Int) -> CheckpointDigest? { group(TensorNames.expert(layer: layer, expert: expert)) }

    /// The digest of what is always on in one mixture layer: meta expert, residual module, or both. Nil where there is none.
    ///
    /// In the public Med-MoE code both are one module, of which some writers keep one name: a residual module counts as the meta
    /// expert when that is absent or equal.
    public func alwaysOn(layer: Int) -> CheckpointDigest? {
        group(TensorNames.meta(layer: layer), TensorNames.residual(layer: layer))
    }

    /// The digest of all tensors.
    public var all: CheckpointDigest { group("") ?? TensorFingerprints.combine([]) }

    private func group(_ prefixes: String...) -> CheckpointDigest? {
        let digests = tensors.compactMap { name, tensor -> CheckpointDigest? in
            prefixes.contains { name.hasPrefix($0) } ? tensor.digest(name: identity(of: name, tensor)) : nil
        }
        return digests.isEmpty ? nil : TensorFingerprints.combine(Set(digests))
    }

    /// The name that goes into the digest.
    private func identity(of name: String, _ tensor: TensorFingerprint) -> String {
        guard case .residual(let layer, let rest) = TensorNames.role(of: name) else { return name }
        let meta = TensorNames.meta(layer: layer) + rest
        return tensors[meta] == nil || tensors[meta] == tensor ? meta : name
    }

    /// SHA-256( text("medmoe.tensors.1") number(count) digest… ), the digests sorted by their bytes.
    private static func combine(_ digests: Set<CheckpointDigest>) -> CheckpointDigest {
        var builder = DigestBuilder("medmoe.tensors.1")
        builder.add(digests.count)
        for digest in digests.sorted() { builder.add(digest) }
        return builder.digest
    }

    /// The digest of the model: one for the same weights, configuration and tokenizer, in whatever container they lie.
    ///
    ///     SHA-256( text("medmoe.model.1") all  number(count) text(key) text(value)…  tokenizer )
    ///
    /// with the configuration's keys in the order of their UTF-8 bytes.
    /// - Parameters:
    ///   - configuration: the keys that matter to the arithmetic, in a canonical rendering.
    ///   - tokenizer: the digest of the tokenizer's files.
    public func model(configuration: [String: String], tokenizer: CheckpointDigest) -> CheckpointDigest {
        var builder = DigestBuilder("medmoe.model.1")
        builder.add(all)
        builder.add(configuration.count)
        for (key, value) in configuration.sorted(by: { inByteOrder($0.key, $1.key) }) {
            builder.add(key)
            builder.add(value)
        }
        builder.add(tokenizer)
        return builder.digest
    }
}

extension CheckpointDigest {
    /// The digest of a tokenizer's files: SHA-256( text("medmoe.tokenizer.1") number(count) text(name) text(bytes)… ), sorted by name.
    ///
    /// - Throws: `CheckpointError` when one cannot be read.
    public static func tokenizer(_ paths: [String]) throws -> CheckpointDigest {
        var builder = DigestBuilder("medmoe.tokenizer.1")
        builder.add(paths.count)
        let named = paths.map { (name: String($0.split(separator: "/").last ?? ""), path: $0) }
        for (name, path) in named.sorted(by: { inByteOrder($0.name, $1.name) }) {
            let file = try CheckpointFile(path: path)
            builder.add(name)
            builder.add(file.size)
            try file.withBlocks(of: 0..<file.size) { builder.add(bare: $0) }
        }
        return builder.digest
    }
}
