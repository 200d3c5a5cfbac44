import MedMoE
import Wire

/// Which workers hold an expert, so that finding one does not mean asking hundreds.
struct HolderIndex {
    private var experts: [ExpertAddress: Set<PeerIdentity>] = [:]
    private var metas: [Int: Set<PeerIdentity>] = [:]

    func of(_ address: ExpertAddress) -> Set<PeerIdentity> { experts[address] ?? [] }

    /// Holders of a layer's meta expert.
    func ofMeta(layer: Int) -> Set<PeerIdentity> { metas[layer] ?? [] }

    mutating func insert(_ session: WorkerSession) {
        for address in session.holdings.keys { experts[address, default: []].insert(session.identity) }
        for layer in session.metas.keys { metas[layer, default: []].insert(session.identity) }
    }

    mutating func remove(_ session: WorkerSession) {
        for address in session.holdings.keys { experts[address]?.remove(session.identity) }
        for layer in session.metas.keys { metas[layer]?.remove(session.identity) }
    }
}
