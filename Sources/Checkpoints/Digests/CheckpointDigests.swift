import Tensors

extension CheckpointFolder {
    /// The fingerprints of the model's tensors: of those at hand from their bytes or from the cache beside the file, of those that a
    /// shard lacks from what it carries.
    ///
    /// Bytes are read in blocks, not through the mapping: the resident memory does not grow with the files.
    /// - Parameters:
    ///   - verify: read every byte again, whatever the cache says, and compare.
    ///   - wanted: which tensors, by canonical name; others are neither read nor returned.
    /// - Throws: `CheckpointError.digest` when bytes differ from what is recorded, and what reading throws.
    public func fingerprints(verify: Bool = false, where wanted: (String) -> Bool = { _ in true }) throws -> TensorFingerprints {
        let recorded = try recordedDigests()?.fingerprints.tensors ?? [:]
        var found = recorded.filter { wanted($0.key) }
        for part in parts {
            var names: [String: String] = [:]
            for name in part.names where uses(name, of: part) {
                let canonical = TensorNames.canonical(name)
                if wanted(canonical) { names[name] = canonical }
            }
            for (name, content) in try contents(of: Array(names.keys), in: part, verify: verify) {
                guard let canonical = names[name], let descriptor = part.descriptor(name) else { continue }
                let fingerprint = TensorFingerprint(descriptor: descriptor, content: content)
                if let expected = recorded[canonical], expected != fingerprint {
                    throw CheckpointError.digest(
                        file: part.file(of: name), tensor: name, recorded: "\(expected.digest(name: canonical))",
                        computed: "\(fingerprint.digest(name: canonical))")
                }
                found[canonical] = fingerprint
            }
        }
        return TensorFingerprints(found)
    }

    /// The fingerprints that decide whether a worker fits: of these experts, and of what is always on, in every mixture layer.
    public func expertFingerprints(_ experts: Set<Int>, verify: Bool = false) throws -> TensorFingerprints {
        try fingerprints(verify: verify) { name in
            switch TensorNames.role(of: name) {
            case .expert(_, let expert, _): experts.contains(expert)
            case .meta, .residual: true
            default: false
            }
        }
    }

    /// The digest of the whole model: the same for complete folders in any container and for every shard.
    ///
    /// - Parameter configuration: the keys that matter to the arithmetic, in a canonical rendering.
    /// - Throws: what `imageTower()` throws when the tower is neither at hand nor recorded.
    public func modelDigest(configuration: [String: String], verify: Bool = false) throws -> CheckpointDigest {
        let all = try fingerprints(verify: verify)
        // Without the tower's tensors this would be the digest of something else.
        if !all.tensors.keys.contains(where: { $0.hasPrefix(TensorNames.tower) }) { _ = try imageTower() }
        return all.model(configuration: configuration, tokenizer: try tokenizerDigest())
    }

    /// The digest of the tokenizer's files, or what a shard without them carries.
    public func tokenizerDigest() throws -> CheckpointDigest {
        if tokenizerPaths.isEmpty, let recorded = try recordedDigests() { return recorded.tokenizer }
        return try CheckpointDigest.tokenizer(tokenizerPaths)
    }

    /// What the files carry about the whole model, or nil.
    func recordedDigests() throws -> RecordedDigests? {
        for part in container.parts {
            if let text = part.metadata[RecordedDigests.key] {
                return try RecordedDigests(json: text, file: part.checkpointFile.path)
            }
        }
        return nil
    }

    private func contents(of names: [String], in part: any ContainerPart, verify: Bool) throws -> [String: CheckpointDigest] {
        var cache = DigestCache(beside: part.checkpointFile)
        var all: [String: CheckpointDigest] = [:]
        var new: [String: CheckpointDigest] = [:]
        for name in names.sorted(by: inByteOrder) {
            if !verify, let known = cache.contents[name] {
                all[name] = known
                continue
            }
            var builder = DigestBuilder()
            try part.withBlocks(of: name) { builder.add(bare: $0) }
            let computed = builder.digest
            if let known = cache.contents[name], known != computed {
                throw CheckpointError.digest(
                    file: part.file(of: name), tensor: name, recorded: "\(known)", computed: "\(computed)")
            }
            all[name] = computed
            if cache.contents[name] == nil { new[name] = computed }
        }
        cache.add(new)
        return all
    }
}

extension TensorNames {
    /// The name that is the same in every container: a tower's tensors from `vision_model.` on, all others as they are.
    public static func canonical(_ name: String) -> String {
        if case .tower(let canonical) = role(of: name) { canonical } else { name }
    }
}
