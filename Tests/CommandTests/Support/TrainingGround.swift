import ClusterHarness
import Foundation
import ModelFixtures
import Testing

/// A small model, a few images and questions, for `medmoe train` as a process.
struct TrainingGround {
    let program: Program
    let model = ModelFixture.stableLM.checkpoint.path
    let images = Checkout.root.appending(path: "cluster/images").path
    static let scans = ["synpic17738.jpg", "synpic17153.jpg", "synpic25105.jpg"]
    static let modalities = ["X-Ray", "MRI", "CT"]

    init() throws { program = try Program() }

    func path(_ name: String) -> String { program.folder.appending(name) }

    static func entry(
        _ id: String, image: String?, question: String, answer: String, modality: String? = nil, more: [String: Any] = [:]
    ) -> [String: Any] {
        var entry: [String: Any] = [
            "id": id, "conversations": [["from": "human", "value": question], ["from": "gpt", "value": answer]], "answer_type": "OPEN",
        ]
        if let image { entry["image"] = image }
        if let modality { entry["modality"] = modality }
        return entry.merging(more) { $1 }
    }

    /// Good entries over three scans.
    static func entries(_ count: Int = 12) -> [[String: Any]] {
        let answers = ["yes", "no", "left lung", "mri", "chest"]
        return (0..<count).map { number in
            entry(
                "e\(number)", image: scans[number % 3], question: "<image>\nWhat is finding \(number % 5)?", answer: answers[number % 5],
                modality: modalities[number % 3])
        }
    }

    /// Writes a conversation file.
    @discardableResult
    func write(_ entries: [[String: Any]], to name: String) throws -> String {
        try program.folder.write(name, JSONSerialization.data(withJSONObject: entries, options: [.sortedKeys]))
    }

    /// What a recipe's folder of data holds: `train.json`, `dev.json` and the scans.
    func writeCourseData(dev: [[String: Any]]) throws {
        try write(Self.entries(), to: "train.json")
        try write(dev, to: "dev.json")
        for scan in Self.scans {
            try FileManager.default.copyItem(atPath: Checkout.image(scan), toPath: path(scan))
        }
    }

    /// Arguments of a short step.
    func step(_ step: String, data: String, out: String, _ more: [String] = []) -> [String] {
        ["train", step, "--data", data, "--images", images, "--model", model, "--out", path(out)] + more
    }

    /// The losses of a log, by update; what was done again counts once, as it was done last.
    func losses(_ log: String, stage: String) throws -> [Int: Double] {
        var losses: [Int: Double] = [:]
        for record in try records(log, kind: "step") where record["stage"] as? String == stage {
            if let step = record["step"] as? Int, let loss = record["loss"] as? Double { losses[step] = loss }
        }
        return losses
    }

    /// Stages after which the held-out questions were asked, in their order.
    func evaluations(_ log: String) throws -> [String] {
        try records(log, kind: "evaluation").compactMap { $0["stage"] as? String }
    }

    private func records(_ log: String, kind: String) throws -> [[String: Any]] {
        try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").compactMap { line in
            let record = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return record?["kind"] as? String == kind ? record : nil
        }
    }

    /// Waits until a running step has made an update, by its log, and kills it there.
    func kill(_ running: RunningProgram, at update: Int, log: String, stage: String) async throws {
        try await eventually(within: .seconds(60), every: .milliseconds(3), "update \(update) of \(stage)\n\(running.errors.suffix(600))") {
            guard running.end == nil else { return true }
            guard let text = try? String(contentsOfFile: log, encoding: .utf8) else { return false }
            return text.contains(#""stage":"\#(stage)","step":\#(update),"#)
        }
        try #require(running.end == nil, "it ended before update \(update): \(running.process.result)")
        running.kill()
    }

    /// Names of the checkpoints of an unfinished step, sorted.
    func checkpoints(of out: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path(out) + ".steps")) ?? []).filter { $0.hasPrefix("update-") }.sorted()
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    func areEqual(_ one: String, _ other: String) -> Bool { FileManager.default.contentsEqual(atPath: path(one), andPath: path(other)) }
}
