import MedMoE
import Tensors

/// Tiles whose expert nobody holds.
extension DispatchMachine {
    /// An expert has been missing for too long: tell those who wait for it.
    mutating func giveUpOnMissingExperts(now: Moment) {
        for (address, since) in uncoveredSince.sorted(by: { $0.key < $1.key })
        where since + configuration.patience <= now && givenUp.insert(address).inserted {
            tellOfMissingExperts(waiting[address] ?? [], now: now)
        }
    }

    /// What becomes of waiting tiles whose expert is known to be missing, as the policy and their ticket say.
    mutating func tellOfMissingExperts(_ ids: [UInt64], now: Moment) {
        guard !givenUp.isEmpty else { return }
        for id in ids {
            guard let state = tiles[id], state.carriers.isEmpty, givenUp.contains(state.tile.address),
                let ticket = tickets[state.ticket]
            else { continue }
            let wanted = Set(ticket.parts.compactMap { tiles[$0] }.filter(\.carriers.isEmpty).map(\.tile.address))
            let lost = wanted.intersection(givenUp).sorted()
            switch configuration.onMissingExpert {
            case .fail: finish(state.ticket, .failure(.expertsLost(lost)), now: now)
            case .metaOnly: degrade(id, now: now)
            case .wait: if ticket.whenUncovered == .report { finish(state.ticket, .failure(.uncovered(lost)), now: now) }
            }
        }
    }

    /// Leaves the expert out: the meta expert answers alone, wherever a replica of it is.
    private mutating func degrade(_ id: UInt64, now: Moment) {
        guard let state = tiles[id], !state.tile.metaOnly else { return }
        let address = state.tile.address
        stopWaiting(id, address)
        counters.degradedTiles += 1
        guard state.tile.metaFactors != nil else {
            // A second choice: without its expert it adds nothing.
            guard let zeros = try? Tensor.zeros(rows: state.tile.rowCount, width: configuration.width) else { return }
            return complete(id, TileResult(rows: zeros, shares: [], expertRows: 0, degraded: true), now: now)
        }
        tiles[id]?.tile.metaOnly = true
        if !place(id, now: now) { wait(id, now: now) }
    }

    /// Brings the list of missing experts up to date after a worker came, changed or went.
    mutating func reviewCoverage(of addresses: some Sequence<ExpertAddress>, now: Moment) {
        for address in addresses {
            if !holders.of(address).isEmpty {
                uncoveredSince[address] = nil
                givenUp.remove(address)
            } else if configuration.required.isEmpty || configuration.required.contains(address) {
                beginMissing(address, now: now)
            }
        }
    }

    /// Nobody holds an expert, from now on if not before.
    mutating func beginMissing(_ address: ExpertAddress, now: Moment) {
        guard uncoveredSince[address] == nil else { return }
        uncoveredSince[address] = now
        wake(at: now + configuration.patience)
    }
}

extension Tensor {
    /// A float32 matrix of zeros.
    fileprivate static func zeros(rows: Int, width: Int) throws -> Tensor {
        let count = rows * width * MemoryLayout<Float>.size
        let storage = Storage.filled(byteCount: count) { $0.initializeMemory(as: UInt8.self, repeating: 0) }
        return try Tensor(dtype: .float32, shape: [rows, width], storage: storage)
    }
}
