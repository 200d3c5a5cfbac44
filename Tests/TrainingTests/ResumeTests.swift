import Checkpoints
import Foundation
import LearningSupport
import ModelFixtures
import Testing

@testable import Training

/// Every step on a new small model: stopped in the middle and given again, it gives the files of a run that was never stopped.
struct ResumeTests {
    private let folder = ScratchFolder()

    private func entries() -> String {
        let labels = ["CT", "MRI", "X-Ray", "Pathology"]
        let entries = (0..<12).map { number in
            """
            {"id": "\(number)", "image": "\(FixtureImages.paths[number % 6])", "modality": "\(labels[number % 4])", "conversations": [
             {"from": "human", "value": "<image>\\nWhat is finding \(number % 5)?"}, {"from": "gpt", "value": "answer \(number % 7)"}]}
            """
        }
        return "[\(entries.joined(separator: ",\n"))]"
    }

    /// A dense model of new weights.
    private func dense() throws -> String {
        let shape = ModelShape(
            image: 28, patch: 14, tower: .init(width: 16, layers: 2, heads: 2),
            backbone: .init(width: 16, inner: 24, layers: 2, heads: 2, context: 256))
        let path = folder.path + "/dense"
        try NewModel.write(shape, tokenizer: ModelFixture.stableLM.checkpoint.path, seed: 1, to: path)
        return path
    }

    private func job(_ step: TrainingStep, model: String, data: String, out: String) -> StageJob {
        var settings = StageSettings(step)
        (settings.epochs, settings.batch, settings.checkpointEvery, settings.rate, settings.seed) = (4, 5, 4, 1e-3, 3)
        settings.optimiser.decay = 0.05
        var job = StageJob(settings, model: model, data: [data], images: FixtureImages.folder.path, out: folder.path + "/" + out)
        if step == .language { job.images = nil }
        job.withoutRouter = true
        return job
    }

    @Test("a step that was stopped ends with the bits of one that was not", arguments: TrainingStep.allCases)
    func stoppedStepsEndAlike(step: TrainingStep) async throws {
        let (model, data) = (try dense(), try folder.write("data.json", entries()))
        try await expectStoppedEndsAlike(
            whole: job(step, model: model, data: data, out: "whole"), stopped: job(step, model: model, data: data, out: "stopped"))
    }

    @Test("with augmented images in micro-batches, too, which learn otherwise than images as they are")
    func augmentedStepsEndAlike() async throws {
        let (model, data) = (try dense(), try folder.write("data.json", entries()))
        func augmented(_ out: String, _ augments: Bool = true) -> StageJob {
            var job = job(.instruct, model: model, data: data, out: out)
            (job.settings.augmentsImages, job.settings.microBatch) = (augments, 2)
            return job
        }
        let losses = try await expectStoppedEndsAlike(whole: augmented("whole"), stopped: augmented("stopped"))
        let plain = UpdateRecord()
        _ = try await StageRunner().run(augmented("plain", false), observer: plain)
        #expect(plain.updates.count == losses.count && plain.updates.map(\.loss) != losses)
    }

    /// - Returns: losses of the run that was not stopped.
    @discardableResult private func expectStoppedEndsAlike(whole job: StageJob, stopped: StageJob) async throws -> [Double] {
        let whole = UpdateRecord()
        _ = try await StageRunner().run(job, observer: whole)
        let first = UpdateRecord(cancelsAfter: 7)
        await #expect(throws: CancellationError.self) { try await first.cancellable { _ = try await StageRunner().run(stopped, observer: first) } }
        #expect(!FileManager.default.fileExists(atPath: stopped.out))
        let second = UpdateRecord()
        _ = try await StageRunner().run(stopped, observer: second)
        #expect(second.resumedAfter == 7)
        #expect((first.updates + second.updates).map(\.loss) == whole.updates.map(\.loss))
        let names = folder.names(in: "whole")
        #expect(names == folder.names(in: "stopped") && names.contains("config.json"))
        for name in names + ["clip/model.safetensors"] where !name.hasPrefix(".") && name != "clip" {
            #expect(FileManager.default.contentsEqual(atPath: "\(folder.path)/whole/\(name)", andPath: "\(stopped.out)/\(name)"), "\(name) differs")
        }
        #expect(folder.names(in: ".").allSatisfy { !$0.hasSuffix(".steps") })
        return whole.updates.map(\.loss)
    }

    @Test("stored in bfloat16, model and tower are the float32 result rounded", arguments: [TrainingStep.encoder, .router, .experts])
    func storedInHalf(step: TrainingStep) async throws {
        let (model, data) = (try dense(), try folder.write("data.json", entries()))
        var narrow = job(step, model: model, data: data, out: "narrow")
        narrow.dtype = .bfloat16
        _ = try await StageRunner().run(narrow, observer: UpdateRecord())
        _ = try await StageRunner().run(job(step, model: model, data: data, out: "wide"), observer: UpdateRecord())
        let folders = try ["narrow", "wide"].map { try CheckpointFolder(path: "\(folder.path)/\($0)") }
        for (half, full) in [(folders[0].model, folders[1].model), (try folders[0].imageTower().source, try folders[1].imageTower().source)] {
            #expect(half.names == full.names && !half.names.isEmpty)
            for name in full.names {
                let (rounded, exact) = (try half.tensor(name), try full.tensor(name))
                #expect(rounded.dtype == .bfloat16 && exact.dtype == .float32)
                #expect(try rounded.floats() == exact.bfloat16().floats(), "\(name)")
            }
        }
        #expect(folders[0].config["torch_dtype"]?.text == "bfloat16")
    }

    @Test("what a run begins with decides whether it may go on: labels, router and model count")
    func otherOriginsAreRefused() async throws {
        let (model, data) = (try dense(), try folder.write("data.json", entries()))
        let job = job(.router, model: model, data: data, out: "router")
        let observer = UpdateRecord(cancelsAfter: 5)
        await #expect(throws: CancellationError.self) { try await observer.cancellable { _ = try await StageRunner().run(job, observer: observer) } }
        _ = try folder.write("data.json", entries().replacing("\"modality\": \"CT\"", with: "\"modality\": \"MRI\""))
        await #expect(throws: TrainingError.self) { try await StageRunner().run(job, observer: UpdateRecord()) }
        _ = try folder.write("data.json", entries())
        var fewer = job
        fewer.labelledExamples = 5
        await #expect(throws: TrainingError.self) { try await StageRunner().run(fewer, observer: UpdateRecord()) }
        _ = try await StageRunner().run(job, observer: UpdateRecord())
    }

    @Test("a model with experts is refused where its experts would become others, before anything is learnt")
    func mixturesStayAsTheyAre() async throws {
        var job = job(.experts, model: folder.model, data: try folder.write("data.json", entries()), out: "out")
        (job.withoutRouter, job.staysDense) = (false, true)
        let observer = UpdateRecord()
        let error = await #expect(throws: TrainingError.self) { try await StageRunner().run(job, observer: observer) }
        #expect(error?.description.contains("has experts already") == true && observer.updates.isEmpty, "\(String(describing: error))")
    }

    @Test("jobs that make no sense are refused before anything is read")
    func impossibleJobsAreRefused() async throws {
        func fault(_ change: (inout StageJob) -> Void) async -> String {
            var job = job(.experts, model: "/nonexistent", data: "/nonexistent.json", out: "out")
            change(&job)
            do {
                _ = try await StageRunner().run(job, observer: UpdateRecord())
                return ""
            } catch { return "\(error)" }
        }
        #expect(await fault { $0.labelledExamples = -5 }.contains("labelled is -5"))
        #expect(await fault { $0.limits = ["a.json": 0] }.contains("limit of a.json is 0"))
        #expect(await fault { $0.shape.domains = [] }.contains("domains"))
        #expect(await fault { $0.shape.topK = 3 }.contains("3 experts per token"))
        #expect(await fault { $0.settings.batch = 0 }.contains("batch is 0"))
        try FileManager.default.createDirectory(atPath: folder.path + "/out/photos", withIntermediateDirectories: true)
        #expect(await fault { _ in }.contains("exists and is not empty"))
        #expect(StageJob(StageSettings(.align), model: "", data: [], images: nil, out: "a/b//").out == "a/b")
    }
}
