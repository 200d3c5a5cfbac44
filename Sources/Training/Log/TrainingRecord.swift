import Foundation

/// A line of a training log: a JSON object whose `kind` says what it tells.
public enum TrainingRecord: Sendable, Hashable {
    case step(StepRecord)
    case stage(StageRecord)
    case confusion(ConfusionRecord)
    case routing(RoutingRecord)
    case evaluation(EvaluationRecord)

    /// Values of `kind`.
    enum Kind: String, CaseIterable {
        case step, stage, confusion, routing, evaluation
    }

    /// Why a line is no record.
    enum Fault: Error {
        case unknownKind(String)
        case shape(String)
    }
}

extension TrainingRecord: Codable {
    private enum Key: String, CodingKey { case kind }

    public init(from decoder: any Decoder) throws {
        let name = try decoder.container(keyedBy: Key.self).decode(String.self, forKey: .kind)
        guard let kind = Kind(rawValue: name) else { throw Fault.unknownKind(name) }
        switch kind {
        case .step: self = .step(try StepRecord(from: decoder))
        case .stage: self = .stage(try StageRecord(from: decoder))
        case .evaluation: self = .evaluation(try EvaluationRecord(from: decoder))
        case .confusion:
            let record = try ConfusionRecord(from: decoder)
            if let fault = record.fault { throw Fault.shape(fault) }
            self = .confusion(record)
        case .routing:
            let record = try RoutingRecord(from: decoder)
            if let fault = record.fault { throw Fault.shape(fault) }
            self = .routing(record)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        let (kind, record): (Kind, any Encodable) = switch self {
        case .step(let record): (.step, record)
        case .stage(let record): (.stage, record)
        case .confusion(let record): (.confusion, record)
        case .routing(let record): (.routing, record)
        case .evaluation(let record): (.evaluation, record)
        }
        try container.encode(kind.rawValue, forKey: .kind)
        try record.encode(to: encoder)
    }
}

/// How records become lines: JSON with sorted keys; numbers that JSON lacks are the texts `NaN`, `Infinity` and `-Infinity`.
enum TrainingLogCoding {
    static func line(_ record: TrainingRecord) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        return try encoder.encode(record) + Data([0x0A])
    }

    static func record(_ line: some Sequence<UInt8>) throws -> TrainingRecord {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        return try decoder.decode(TrainingRecord.self, from: Data(line))
    }
}
