import Foundation
import Testing

@testable import Training

@Suite struct TrainingLogTests {
    /// A file of its own for each test.
    private final class File {
        let path = FileManager.default.temporaryDirectory.appending(path: "training-log-\(UUID().uuidString).jsonl").path

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }
        var text: String { get throws { try String(contentsOfFile: path, encoding: .utf8) } }
    }

    private let file = File()

    private func read(_ text: String) throws -> TrainingLog {
        try file.write(text)
        return try TrainingLog(contentsOf: file.path)
    }

    private func step(_ number: Int, loss: Double, stage: String = "instruct") -> TrainingRecord {
        .step(StepRecord(stage: stage, step: number, epoch: 0.5, loss: loss, rate: 1e-3, gradientNorm: 0.7, tokens: 2640, seconds: 0.21))
    }

    @Test func everyKindOfRecordIsReadBackAsWritten() throws {
        let records: [TrainingRecord] = [
            .stage(StageRecord(stage: "router", event: .start, steps: 3, settings: ["rate": .number(5e-3), "frozen": .flag(true), "data": .text("train.json"), "steps": .number(1)])),
            step(1, loss: 2.31), step(2, loss: .infinity),
            .confusion(ConfusionRecord(stage: "router", labels: ["CT", "MRI"], counts: [[9, 1], [0, 5]])),
            .routing(RoutingRecord(layers: [0, 2], experts: ["CT", "MRI"], domains: ["CT"], counts: [[[1, 2]], [[3, 4]]])),
            .evaluation(EvaluationRecord(stage: "experts", datasets: ["slake": .init(closedAccuracy: 76.3, openRecall: nil)])),
            .stage(StageRecord(stage: "router", event: .end, seconds: 12.5)),
        ]
        let writer = try TrainingLogWriter(appendingTo: file.path)
        for record in records { try writer.append(record) }
        let log = try TrainingLog(contentsOf: file.path)
        #expect(log.records == records && log.problems.isEmpty && !log.endsTorn)
        #expect(log.confusions.map(\.counts) == [[[9, 1], [0, 5]]] && log.routings.map(\.layers) == [[0, 2]] && log.stages == ["instruct"])
        #expect(try file.text.split(separator: "\n").count == records.count)
    }

    @Test func theLinesAreThoseThatOtherProgramsExpect() throws {
        let log = try read("""
            {"kind":"step","stage":"instruct","step":12,"epoch":0.02,"loss":2.31,"rate":1e-3,"gradientNorm":0.7,"tokens":2640,"seconds":0.21}
            {"kind":"stage","stage":"instruct","event":"start","settings":{"epochs":4,"data":"a.json"}}
            {"kind":"confusion","labels":["CT","MRI"],"counts":[[3,0],[1,2]]}
            {"kind":"routing","layers":[0,2,4],"experts":["CT"],"domains":["CT","MRI"],"counts":[[[1],[2]],[[3],[4]],[[5],[6]]]}
            {"kind":"evaluation","stage":"experts","datasets":{"slake":{"closedAccuracy":76.3,"openRecall":61}}}

            {"kind":"step","stage":"router","step":1,"loss":"NaN","whatever":"is new"}
            """)
        #expect(log.problems.isEmpty && log.records.count == 6)
        #expect(log.steps(of: "instruct") == [StepRecord(stage: "instruct", step: 12, epoch: 0.02, loss: 2.31, rate: 1e-3, gradientNorm: 0.7, tokens: 2640, seconds: 0.21)])
        #expect(log.evaluations.first?.datasets["slake"]?.openRecall == 61)
        #expect(log.steps(of: "router").first?.loss.isNaN == true)
        let line = String(decoding: try TrainingLogCoding.line(step(3, loss: 1)), as: UTF8.self)
        #expect(line == "{\"epoch\":0.5,\"gradientNorm\":0.7,\"kind\":\"step\",\"loss\":1,\"rate\":0.001,\"seconds\":0.21,\"stage\":\"instruct\",\"step\":3,\"tokens\":2640}\n")
    }

    @Test(arguments: [
        ("nonsense", "not JSON"), ("[1]", "not a JSON object"), ("{}", "\"kind\" is missing"), (#"{"kind":7}"#, "\"kind\" is not a text"),
        (#"{"kind":"dream"}"#, "the kind 'dream' is unknown; known are step, stage, confusion, routing, evaluation"),
        (#"{"kind":"step","stage":"a","step":1}"#, "\"loss\" is missing"), (#"{"kind":"step","stage":"a","step":1.5,"loss":1}"#, "whole number"),
        (#"{"kind":"step","stage":"a","step":1,"loss":"low"}"#, "loss"), (#"{"kind":"stage","stage":"a","event":"pause"}"#, "event"),
        (#"{"kind":"confusion","labels":["a","b"],"counts":[[1,2]]}"#, "2 × 2"), (#"{"kind":"confusion","labels":["a"],"counts":[[-1]]}"#, "0 to"),
        (#"{"kind":"confusion","labels":["a"],"counts":[[9223372036854775807]]}"#, "0 to"), (#"{"kind":"confusion","labels":[],"counts":[]}"#, "labels"),
        (#"{"kind":"routing","layers":[0],"experts":["a"],"domains":["b"],"counts":[[[1,2]]]}"#, "1 × 1 × 1"),
        (#"{"kind":"routing","layers":[],"experts":["a"],"domains":["b"],"counts":[]}"#, "layers"),
        (#"{"kind":"evaluation","stage":"a","datasets":{"s":7}}"#, "datasets"), (String(repeating: "[", count: 100_000), "JSON"),
    ])
    func aBrokenLineIsNamedWithFileAndLineAndTheOthersAreRead(line: String, reason: String) throws {
        let good = #"{"kind":"step","stage":"a","step":1,"loss":1}"#
        let log = try read("\(good)\n\(line)\n\(good)\n")
        #expect(log.records.count == 2 && log.problems.count == 1 && !log.endsTorn)
        let problem = try #require(log.problems.first)
        #expect(problem.line == 2 && problem.description.contains("\(file.path), line 2: ") && problem.reason.contains(reason), "\(problem)")
    }

    @Test func aLineThatWasCutOffAtTheEndIsNoProblem() throws {
        let last = #"{"kind":"step","stage":"a","step":2,"loss":0.5}"#
        let whole = #"{"kind":"step","stage":"a","step":1,"loss":1}"# + "\n" + last
        for cut in 1...last.count {
            let log = try read(String(whole.dropLast(cut)))
            #expect(log.records.count == 1 && log.problems.isEmpty && log.endsTorn == (cut < last.count), "\(cut)")
        }
        #expect(try read(whole).records.count == 2)
        let writer = try TrainingLogWriter(appendingTo: file.path)
        try writer.append(step(2, loss: 0.25, stage: "a"))
        #expect(try TrainingLog(contentsOf: file.path).steps(of: "a").map(\.loss) == [1, 0.25], "the unfinished line made room")
    }

    @Test func stepsThatWereDoneAgainCountOnce() throws {
        let writer = try TrainingLogWriter(appendingTo: file.path)
        for (number, loss) in [(1, 3.0), (2, 2.5), (3, 2.0), (2, 2.4), (3, 1.9), (4, 1.5)] { try writer.append(step(number, loss: loss)) }
        let steps = try TrainingLog(contentsOf: file.path).steps(of: "instruct")
        #expect(steps.map(\.step) == [1, 2, 3, 4] && steps.map(\.loss) == [3, 2.4, 1.9, 1.5])
    }

    @Test func filesThatCannotBeReadAreRefusedByName() throws {
        for path in ["/nonexistent/log.jsonl", "/", "/dev/zero"] {
            let error = #expect(throws: LineFileError.self) { try TrainingLog(contentsOf: path) }
            #expect(error?.description.hasPrefix(path) == true)
        }
        #expect(throws: TrainingLogWriterError.self) { try TrainingLogWriter(appendingTo: "/nonexistent/log.jsonl") }
        #expect(throws: LineFileError.lineTooLong(file: file.path, line: 2, limit: 10)) {
            try file.write("short\nmuch too long for this\n")
            try LineFile.forEachLine(of: file.path, longest: 10) { _ in }
        }
    }

    @Test func linesAcrossThePiecesOfAFileAreWhole() throws {
        let lines = (0..<300).map { String(repeating: "\($0)", count: 10_000 / ($0 % 7 + 1)) } + ["", "end"]
        try file.write(lines.joined(separator: "\n"))
        var read: [String] = []
        var last: LineFile.Line?
        try LineFile.forEachLine(of: file.path, longest: 1 << 20) { line in
            read.append(String(decoding: line.bytes, as: UTF8.self))
            last = line
        }
        #expect(read == lines && last?.number == 302 && last?.isComplete == false)
    }
}
