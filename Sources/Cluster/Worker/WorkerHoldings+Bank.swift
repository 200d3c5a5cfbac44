import Checkpoints
import MedMoE
import Wire

extension WorkerHoldings {
    /// What a bank holds, with the digests that its tensors have.
    ///
    /// - Throws: `ModelError.inconsistent` when a digest is missing.
    init(bank: ExpertBank, fingerprints: TensorFingerprints, layers: [Int]) throws {
        self.init(width: bank.width, experts: [:], metas: bank.hasAlwaysOn ? fingerprints.metaDigests(layers: layers) : [:])
        self = try adding(bank, fingerprints)
    }

    /// These, and the further experts of a bank.
    ///
    /// - Throws: `ModelError.inconsistent` when a digest is missing.
    func adding(_ bank: ExpertBank, _ fingerprints: TensorFingerprints) throws -> WorkerHoldings {
        var all = self
        for address in bank.addresses where all.experts[address] == nil {
            guard let digest = fingerprints.expert(layer: address.layer, expert: address.expert).flatMap(ExpertDigest.init) else {
                throw ModelError.inconsistent("the tensors of \(address) have no digest")
            }
            all.experts[address] = digest
        }
        return all
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
