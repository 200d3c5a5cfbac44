import Tensors
import Training
import Wire

/// A part of what was submitted for a layer, on its way to one trainer and back.
struct PassUnderWay {
    let trainer: TrainerPort.Trainer
    let answer: PendingAnswer
    /// Where the trainer's batches stand among those that were submitted, and how many rows each has.
    let batches: [(place: Int, rows: Int)]
}

extension RemoteExperts {
    /// Gives every holder its rows in one message.
    func send(_ layer: Int, _ batches: [ExpertRows], _ call: (ExpertPass) -> TrainerCall) throws -> [PassUnderWay] {
        var mine: [TrainerPort.Trainer: [Int]] = [:]
        for (place, batch) in batches.enumerated() where batch.rows.count > 0 {
            guard let holder = holders[batch.expert] else { throw unknown(batch.expert) }
            mine[holder, default: []].append(place)
        }
        return try shares.compactMap { share in
            guard let places = mine[share.trainer] else { return nil }
            let ordered = places.sorted { batches[$0].expert < batches[$1].expert }
            let pass = ExpertPass(
                step: step, layer: layer, segments: ordered.map { .init(expert: batches[$0].expert, rows: batches[$0].rows.count) },
                rows: try joined(ordered.map { batches[$0].rows }))
            return PassUnderWay(
                trainer: share.trainer, answer: port.call(call(pass), of: share.trainer),
                batches: ordered.map { (place: $0, rows: batches[$0].rows.count) })
        }
    }

    /// Lets trainers give back what they keep of a layer's forward pass: gradients of no rows end it.
    func endPass(_ layer: Int, at trainers: [TrainerPort.Trainer]) throws -> [PendingAnswer] {
        let pass = ExpertPass(step: step, layer: layer, segments: [], rows: try joined([]))
        return trainers.map { port.call(.backward(pass, needsInput: false), of: $0) }
    }

    /// All rows behind each other.
    private func joined(_ parts: [Rows]) throws -> Tensor {
        let count = parts.reduce(0) { $0 + $1.count }
        let storage = Storage.filled(byteCount: count * course.shape.hidden * MemoryLayout<Float>.size) { target in
            var offset = 0
            for part in parts {
                let bytes = UnsafeRawBufferPointer(part.buffer)
                target.baseAddress?.advanced(by: offset).copyMemory(from: bytes.baseAddress ?? UnsafeRawPointer(part.pointer), byteCount: bytes.count)
                offset += bytes.count
            }
        }
        return try Tensor(dtype: .float32, shape: [count, course.shape.hidden], storage: storage)
    }

    /// The rows of each batch, from numbers in which they stand behind each other.
    func split(_ numbers: Tensor, _ batches: [(place: Int, rows: Int)], from first: Int) -> [(Int, Rows)] {
        var offset = first * MemoryLayout<Float>.size
        return batches.map { place, count in
            let rows = Rows(count: count, width: course.shape.hidden)
            let size = rows.elementCount * MemoryLayout<Float>.size
            numbers.withUnsafeBytes { bytes in
                UnsafeMutableRawBufferPointer(rows.buffer).copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + size]))
            }
            offset += size
            return (place, rows)
        }
    }

    /// The numbers of an answer, as many as were asked for.
    func numbers(_ result: TrainerResult, _ count: Int) throws -> Tensor {
        guard let numbers = result.numbers, numbers.elementCount == count else {
            throw TrainerFailure(.malformed, "a trainer sent \(result.numbers?.elementCount ?? 0) numbers where \(count) were asked for")
        }
        return numbers
    }

    func unknown(_ expert: Int) -> TrainingError { .internalState("expert \(expert) was given to no trainer") }
}
