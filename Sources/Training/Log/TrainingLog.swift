import Foundation

/// What a training log tells, read back.
///
/// A process that is killed may leave half a line at the end, and may have logged steps that are done again when it goes on from its last
/// checkpoint: the former is tolerated, of the latter the last record counts.
public struct TrainingLog: Sendable {
    /// A line that tells nothing that is known.
    public struct Problem: Sendable, Hashable, CustomStringConvertible {
        public var file: String
        /// From 1.
        public var line: Int
        public var reason: String

        public var description: String { "\(file), line \(line): \(reason)" }
    }

    /// Records have a line each; the largest, of many layers and experts, have some kilobytes.
    private static let longestLine = 16 << 20

    public let file: String
    /// In the order of the file.
    public let records: [TrainingRecord]
    /// Lines that were passed over, in the order of the file.
    public let problems: [Problem]
    /// Whether the last line is cut off, as when the writer was killed.
    public let endsTorn: Bool

    /// Reads a log.
    ///
    /// - Throws: `LineFileError` when the file cannot be read at all.
    public init(contentsOf path: String) throws {
        var records: [TrainingRecord] = []
        var problems: [Problem] = []
        var endsTorn = false
        try LineFile.forEachLine(of: path, longest: Self.longestLine) { line in
            guard line.bytes.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { return }
            do {
                records.append(try TrainingLogCoding.record(line.bytes))
            } catch TrainingRecord.Fault.unknownKind(let kind) {
                let known = TrainingRecord.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                problems.append(Problem(file: path, line: line.number, reason: "the kind '\(Self.shown(kind))' is unknown; known are \(known)"))
            } catch TrainingRecord.Fault.shape(let fault) {
                problems.append(Problem(file: path, line: line.number, reason: fault))
            } catch where !line.isComplete {
                endsTorn = true
            } catch {
                problems.append(Problem(file: path, line: line.number, reason: Self.reason(error, line.bytes)))
            }
        }
        file = path
        self.records = records
        self.problems = problems
        self.endsTorn = endsTorn
    }

    /// Names of the stages that have steps, in the order of their first one.
    public var stages: [String] {
        var seen = Set<String>()
        return records.compactMap { if case .step(let step) = $0, seen.insert(step.stage).inserted { step.stage } else { nil } }
    }

    /// The steps of a stage by rising number, each once: what was logged last counts.
    public func steps(of stage: String) -> [StepRecord] {
        var last: [Int: StepRecord] = [:]
        for case .step(let step) in records where step.stage == stage { last[step.step] = step }
        return last.values.sorted { $0.step < $1.step }
    }

    /// The last confusion matrix of each stage, in the order of the first.
    public var confusions: [ConfusionRecord] { lastOfEachStage { if case .confusion(let record) = $0 { (record.stage, record) } else { nil } } }

    /// The last count of tokens by expert after each stage, in the order of the first.
    public var routings: [RoutingRecord] { lastOfEachStage { if case .routing(let record) = $0 { (record.stage, record) } else { nil } } }

    /// The last evaluation after each stage, in the order of the first.
    public var evaluations: [EvaluationRecord] { lastOfEachStage { if case .evaluation(let record) = $0 { (record.stage, record) } else { nil } } }

    private func lastOfEachStage<Record>(_ pick: (TrainingRecord) -> (stage: String?, record: Record)?) -> [Record] {
        var stages: [String?] = []
        var result: [Record] = []
        for (stage, record) in records.lazy.compactMap(pick) {
            if let index = stages.firstIndex(of: stage) {
                result[index] = record
            } else {
                stages.append(stage)
                result.append(record)
            }
        }
        return result
    }

    private static func reason(_ error: any Error, _ line: [UInt8]) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        switch error {
        case .keyNotFound(let key, _): return "\"\(key.stringValue)\" is missing"
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            return place(context).map { "\"\($0)\" is not \(type == String.self ? "a text" : type == Int.self ? "a whole number" : "what it should be")" }
                ?? "it is not a JSON object"
        case .dataCorrupted(let context):
            if let place = place(context) { return "\"\(place)\" is not what it should be" }
            // The decoder says the same of a fraction where a whole number is expected as of a text that is no JSON.
            let isJSON = (try? JSONSerialization.jsonObject(with: Data(line))) != nil
            return isJSON ? "a number has a fraction, or is too large, where a whole number is expected" : "it is not JSON"
        @unknown default: return "it is not JSON"
        }
    }

    /// Which member it is about; nil for the whole line.
    private static func place(_ context: DecodingError.Context) -> String? {
        let names = context.codingPath.map { $0.intValue.map(String.init) ?? shown($0.stringValue) }
        return names.isEmpty ? nil : names.joined(separator: ".")
    }

    private static func shown(_ text: String) -> String {
        let scalars = text.unicodeScalars.prefix(40).map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : String($0) }
        return scalars.joined() + (text.unicodeScalars.count > 40 ? "…" : "")
    }
}
