import Foundation
import Testing

@testable import Checkpoints
@testable import Training

/// Settings that would change nothing.
struct UnreadSettingsTests {
    @Test("a setting that a step does not read is refused with the steps that do", arguments: [
        ("microBatch", "8", [TrainingStep.encoder, .router]),
        ("recompute", "true", [.router]),
        ("augment", "true", [.language, .router]),
        ("lowerCaseAnswers", "true", [.align, .router]),
        ("freezeProjector", "true", [.encoder, .language, .align, .instruct, .router]),
        ("labelled", "3", [.encoder, .language, .align, .instruct, .experts]),
        ("topK", "2", [.encoder, .language, .align, .instruct, .router]),
        ("dense", "true", [.encoder, .language, .align, .instruct, .router]),
        ("withoutMeta", "true", [.encoder, .language, .align, .instruct, .router]),
        ("withoutRouter", "true", [.encoder, .language, .align, .instruct, .router]),
        ("domains", "2", [.language, .align, .instruct]),
    ])
    func unreadSettings(key: String, value: String, refusing: [TrainingStep]) throws {
        for kind in TrainingStep.allCases {
            try RecipeStep(kind).checkReaders()
            let step = try JSONDecoder().decode(RecipeStep.self, from: Data("{\"step\": \"\(kind.rawValue)\", \"\(key)\": \(value)}".utf8))
            guard refusing.contains(kind) else {
                try step.checkReaders()
                continue
            }
            let error = #expect(throws: TrainingError.self, "\(kind)") { try step.checkReaders() }
            #expect(error?.description.contains("\(kind.rawValue) does not read \"\(key)\"") == true, "\(String(describing: error))")
        }
    }

    @Test("a control without experts has no settings of theirs", arguments: [("withoutMeta", "true"), ("withoutRouter", "true"), ("topK", "2"), ("domains", "2")])
    func denseControls(key: String, value: String) throws {
        let step = try JSONDecoder().decode(RecipeStep.self, from: Data("{\"step\": \"experts\", \"dense\": true, \"\(key)\": \(value)}".utf8))
        let error = #expect(throws: TrainingError.self) { try step.checkReaders() }
        #expect(error?.description.contains("does not read \"\(key)\"") == true)
    }

    @Test("a model with experts is not made into another one")
    func expertsStayAsTheyAre() throws {
        let mixture = ModelConfiguration.Mixture(
            layers: [0, 2], expertCounts: [4, 4], topK: 1, usesResidual: false, domains: ["CT", "MRI", "X-Ray", "Pathology"])
        func fault(_ change: (inout StageJob) -> Void) -> String {
            var job = StageJob(StageSettings(.experts), model: "MODEL", data: [], images: nil, out: "OUT")
            change(&job)
            do {
                try job.checkShape(is: mixture, hasMeta: true, layerCount: 4)
                return ""
            } catch { return "\(error)" }
        }
        #expect(fault { _ in } == "")
        #expect(fault { ($0.shape.mode, $0.shape.hasMeta) = (.sparse, true) } == "")
        #expect(fault { $0.staysDense = true }.contains("MODEL has experts already"))
        #expect(fault { $0.staysDense = true }.contains("leave \"dense\" out"))
        #expect(fault { $0.router = "router.safetensors" }.contains("\"a router\""))
        #expect(fault { $0.withoutRouter = true }.contains("\"without router\""))
        #expect(fault { $0.shape.topK = 2 }.contains("\"top-k\""))
        #expect(fault { $0.shape.hasMeta = false }.contains("\"without meta\""))
        #expect(fault { $0.shape.mode = .secondHalf }.contains("\"mode\""))
        #expect(fault { $0.shape.domains = ["left", "right"] }.contains("\"domains\""))
    }
}
