import CWire

extension StatusReply {
    func envelope() throws(WireError) -> Frame {
        try Envelope.pack(as: "StatusReply", medmoe__client__status_reply__init) { raw, arena in
            raw.inquiry = inquiry
            raw.coordinator = arena.data(coordinator)
            raw.covered = covered ? 1 : 0
            raw.n_missing = missing.count
            raw.missing = arena.messages(
                missing.map { place in
                    var message = Medmoe__Client__Place()
                    medmoe__client__place__init(&message)
                    message.layer = UInt32(clamping: place.layer)
                    message.expert = UInt32(clamping: place.expert)
                    return message
                })
            raw.n_workers = workers.count
            raw.workers = arena.messages(workers.map { $0.message(in: arena) })
            raw.workers_total = UInt32(clamping: workersTotal)
            raw.waiting_tiles = UInt32(clamping: waitingTiles)
            raw.running_requests = UInt32(clamping: runningRequests)
            raw.waiting_requests = UInt32(clamping: waitingRequests)
            raw.n_counters = counters.count
            raw.counters = arena.messages(
                counters.sorted { $0.key < $1.key }.map { name, value in
                    var message = Medmoe__Client__Counter()
                    medmoe__client__counter__init(&message)
                    message.name = arena.data(name)
                    message.value = value
                    return message
                })
            raw.n_domains = domains.count
            raw.domains = arena.array(domains.map { arena.data($0) })
            raw.model_digest = arena.data(modelDigest)
            raw.n_experts = experts.count
            raw.experts = arena.messages(experts.map { $0.message })
            raw.draining = draining ? 1 : 0
            raw.wait_p50 = waits.p50
            raw.wait_p99 = waits.p99
            raw.wait_longest = longestWait
        }
    }
}

extension StatusReply.Worker {
    fileprivate func message(in arena: EncodingArena) -> Medmoe__Client__WorkerStatus {
        var message = Medmoe__Client__WorkerStatus()
        medmoe__client__worker_status__init(&message)
        message.name = arena.data(name)
        message.run = arena.data(run)
        message.n_experts = experts.count
        message.experts = arena.array(experts.map { UInt32(clamping: $0) })
        message.places = UInt32(clamping: places)
        message.outstanding_tiles = UInt32(clamping: outstandingTiles)
        message.outstanding_rows = UInt32(clamping: outstandingRows)
        message.tiles_done = tilesDone
        message.rows_done = rowsDone
        message.silent_milliseconds = UInt32(clamping: silentMilliseconds)
        message.leaving = isLeaving ? 1 : 0
        message.stuck = isStuck ? 1 : 0
        message.rows_per_second = rowsPerSecond
        message.pace = pace
        return message
    }
}

extension StatusReply.Expert {
    fileprivate var message: Medmoe__Client__ExpertStatus {
        var message = Medmoe__Client__ExpertStatus()
        medmoe__client__expert_status__init(&message)
        message.expert = UInt32(clamping: expert)
        message.replicas = UInt32(clamping: replicas)
        message.rows_done = rowsDone
        message.rows_per_second = rowsPerSecond
        message.waiting_tiles = UInt32(clamping: waitingTiles)
        message.outstanding_rows = UInt32(clamping: outstandingRows)
        message.round_trip_p50 = roundTrip.p50
        message.round_trip_p99 = roundTrip.p99
        message.compute_p50 = compute.p50
        message.compute_p99 = compute.p99
        return message
    }
}

extension StatusReply {
    init(envelope: Frame) throws(WireError) {
        self = try Envelope.unpack(envelope, as: "StatusReply", with: medmoe__client__status_reply__unpack) {
            raw throws(WireError) in
            let reader = FieldReader(message: "StatusReply")
            let missing = try reader.messages(raw.missing, count: raw.n_missing, "missing") { place throws(WireError) in
                Place(layer: Int(place.layer), expert: Int(place.expert))
            }
            let workers = try reader.messages(raw.workers, count: raw.n_workers, "workers") { worker throws(WireError) in
                Worker(
                    name: try reader.text(worker.name, "workers.name", limit: WireLimits.name),
                    run: try reader.text(worker.run, "workers.run", limit: WireLimits.name),
                    experts: UnsafeBufferPointer(start: worker.experts, count: worker.n_experts).map { Int($0) },
                    places: Int(worker.places), outstandingTiles: Int(worker.outstanding_tiles),
                    outstandingRows: Int(worker.outstanding_rows), tilesDone: worker.tiles_done, rowsDone: worker.rows_done,
                    silentMilliseconds: Int(worker.silent_milliseconds), isLeaving: worker.leaving != 0, isStuck: worker.stuck != 0,
                    rowsPerSecond: try reader.finite(worker.rows_per_second, "workers.rows_per_second"),
                    pace: try reader.finite(worker.pace, "workers.pace"))
            }
            let experts = try reader.messages(raw.experts, count: raw.n_experts, "experts") { expert throws(WireError) in
                Expert(
                    expert: Int(expert.expert), replicas: Int(expert.replicas), rowsDone: expert.rows_done,
                    rowsPerSecond: try reader.finite(expert.rows_per_second, "experts.rows_per_second"),
                    waitingTiles: Int(expert.waiting_tiles), outstandingRows: Int(expert.outstanding_rows),
                    roundTrip: Times(
                        p50: try reader.finite(expert.round_trip_p50, "experts.round_trip_p50"),
                        p99: try reader.finite(expert.round_trip_p99, "experts.round_trip_p99")),
                    compute: Times(
                        p50: try reader.finite(expert.compute_p50, "experts.compute_p50"),
                        p99: try reader.finite(expert.compute_p99, "experts.compute_p99")))
            }
            var counters: [String: UInt64] = [:]
            _ = try reader.messages(raw.counters, count: raw.n_counters, "counters") { counter throws(WireError) in
                counters[try reader.text(counter.name, "counters.name", limit: WireLimits.name)] = counter.value
            }
            return StatusReply(
                inquiry: raw.inquiry, coordinator: try reader.text(raw.coordinator, "coordinator", limit: WireLimits.name),
                covered: raw.covered != 0, missing: missing, workers: workers, workersTotal: Int(raw.workers_total),
                waitingTiles: Int(raw.waiting_tiles), runningRequests: Int(raw.running_requests),
                waitingRequests: Int(raw.waiting_requests), counters: counters,
                domains: try reader.texts(raw.domains, count: raw.n_domains, "domains", most: WireLimits.domainCount),
                modelDigest: try reader.text(raw.model_digest, "model_digest", limit: WireLimits.name), experts: experts,
                draining: raw.draining != 0,
                waits: Times(p50: try reader.finite(raw.wait_p50, "wait_p50"), p99: try reader.finite(raw.wait_p99, "wait_p99")),
                longestWait: try reader.finite(raw.wait_longest, "wait_longest"))
        }
    }
}
