/// What one test host is to be.
package struct HostPlan: Sendable, Hashable {
    /// Its name in the field: lower-case letters, digits, `-`.
    package var name: String
    /// Part of a core that all its processes share; nil for no limit.
    package var processorShare: Double?
    /// Bytes of memory that all its processes share; nil for no limit.
    package var memory: Int?
    /// Bits per second, each way; nil for no limit.
    package var rate: Int?
    /// Whether packets to and from it can be delayed and reordered. Costs a relay process where the kernel has no netem.
    package var isFar: Bool

    package init(_ name: String, processorShare: Double? = nil, memory: Int? = nil, rate: Int? = nil, isFar: Bool = false) {
        self.name = name
        self.processorShare = processorShare
        self.memory = memory
        self.rate = rate
        self.isFar = isFar
    }

    /// What the host needs of the machine.
    var needs: Set<HostAbility> {
        var needs: Set<HostAbility> = [.namespaces]
        if processorShare != nil { needs.insert(.processorLimit) }
        if memory != nil { needs.insert(.memoryLimit) }
        if rate != nil { needs.insert(.rateLimit) }
        if isFar { needs.insert(.delay) }
        return needs
    }

    func check() throws {
        guard !name.isEmpty, name.utf8.count <= 20, name.allSatisfy({ ("a"..."z").contains($0) || ("0"..."9").contains($0) || $0 == "-" })
        else { throw HarnessError("a host cannot be named \"\(name)\": expected 1 to 20 lower-case letters, digits and '-'") }
        if let rate, !(8_000...100_000_000_000).contains(rate) {
            throw HarnessError("host \(name): a rate of \(rate) bit/s; expected 8 kbit/s to 100 Gbit/s")
        }
        if let memory, memory < 1 << 20 { throw HarnessError("host \(name): \(memory) bytes of memory; expected at least 1 MiB") }
    }
}
