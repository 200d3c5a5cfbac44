import CWire

/// Somebody who runs the cluster wants a worker to load and unload experts while it serves.
public struct AssignExperts: Sendable, Hashable {
    /// Returned in the reply.
    public var inquiry: UInt64
    /// The worker's name, or the beginning of its run as `StatusReply` shows it.
    public var worker: String
    /// Indices of experts, in every mixture layer that has them.
    public var add: [Int]
    public var drop: [Int]

    public init(inquiry: UInt64, worker: String, add: [Int], drop: [Int]) {
        self.inquiry = inquiry
        self.worker = worker
        self.add = add
        self.drop = drop
    }
}

/// How an assignment ended.
public struct AssignReply: Sendable, Hashable {
    public var inquiry: UInt64
    /// Why nothing changed; nil when all was done.
    public var failure: String?
    /// Indices of the experts that the worker holds now.
    public var experts: [Int]

    public init(inquiry: UInt64, failure: String?, experts: [Int]) {
        self.inquiry = inquiry
        self.failure = failure
        self.experts = experts
    }
}

extension AssignExperts {
    func envelope() throws(WireError) -> Frame {
        guard worker.utf8.count <= WireLimits.name else {
            throw .tooLarge(field: "AssignExperts 'worker'", size: worker.utf8.count, limit: WireLimits.name)
        }
        return try Envelope.pack(as: "AssignExperts", medmoe__client__assign_experts__init) { raw, arena in
            raw.inquiry = inquiry
            raw.worker = arena.data(worker)
            raw.n_add = add.count
            raw.add = arena.array(add.map { UInt32(clamping: $0) })
            raw.n_drop = drop.count
            raw.drop = arena.array(drop.map { UInt32(clamping: $0) })
        }
    }

    init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "AssignExperts", with: medmoe__client__assign_experts__unpack) {
            raw throws(WireError) in
            let reader = FieldReader(message: "AssignExperts")
            return AssignExperts(
                inquiry: raw.inquiry, worker: try reader.text(raw.worker, "worker", limit: WireLimits.name),
                add: try reader.indices(raw.add, count: raw.n_add, "add"),
                drop: try reader.indices(raw.drop, count: raw.n_drop, "drop"))
        }
    }
}

extension AssignReply {
    func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "AssignReply", medmoe__client__assign_reply__init) { raw, arena in
            raw.inquiry = inquiry
            raw.done = failure == nil ? 1 : 0
            raw.reason = arena.data(failure ?? "", cutTo: WireLimits.reason)
            raw.n_experts = experts.count
            raw.experts = arena.array(experts.map { UInt32(clamping: $0) })
        }
    }

    init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "AssignReply", with: medmoe__client__assign_reply__unpack) { raw throws(WireError) in
            let reader = FieldReader(message: "AssignReply")
            let reason = try reader.text(raw.reason, "reason", limit: WireLimits.reason)
            return AssignReply(
                inquiry: raw.inquiry, failure: raw.done != 0 ? nil : reason,
                experts: try reader.indices(raw.experts, count: raw.n_experts, "experts"))
        }
    }
}
