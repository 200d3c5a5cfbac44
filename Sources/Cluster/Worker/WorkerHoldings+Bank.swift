import Checkpoints
import MedMoE
import Wire

extension WorkerHoldings {
    /// What a bank holds, with the digests that its tensors have.
    ///
    /// - Throws: `ModelError.inconsistent` when a digest is missing.
    init(bank: ExpertBank, fingerprints: TensorFingerprints, layers: [Int]) throws {
        let experts = try Dictionary(uniqueKeysWithValues: bank.addresses.map { address in
            guard let digest = fingerprints.expert(layer: address.layer, expert: address.expert).flatMap(ExpertDigest.init) else {
                throw ModelError.inconsistent("the tensors of \(address) have no digest")
            }
            return (address, digest)
        })
        self.init(width: bank.width, experts: experts, metas: bank.hasAlwaysOn ? fingerprints.metaDigests(layers: layers) : [:])
    }
}

extension TensorFingerprints {
    /// Digests of the modules that are always on, by layer.
    public func metaDigests(layers: [Int]) -> [Int: ExpertDigest] {
        Dictionary(uniqueKeysWithValues: layers.compactMap { layer in
            alwaysOn(layer: layer).flatMap(ExpertDigest.init).map { (layer, $0) }
        })
    }

    /// Digests of the domain experts.
    public func expertDigests(_ addresses: some Sequence<ExpertAddress>) -> [ExpertAddress: ExpertDigest] {
        Dictionary(uniqueKeysWithValues: addresses.compactMap { address in
            expert(layer: address.layer, expert: address.expert).flatMap(ExpertDigest.init).map { (address, $0) }
        })
    }
}

extension ExpertDigest {
    init?(_ digest: CheckpointDigest) { self.init(bytes: digest.bytes) }
}
