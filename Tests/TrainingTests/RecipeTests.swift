import Foundation
import Testing

@testable import Training

struct RecipeTests {
    private func recipe(_ text: String) throws -> Recipe { try Recipe(text: text, file: "course.yaml") }

    private let small = """
        seed: 9
        data: {train: [a/train.json, b/train.json], captions: [c.json], dev: [a/dev.json], limits: {b/train.json: 40}}
        experts: {mode: dense, domains: [CT, MRI, X-Ray], topK: 1, hasMeta: true}
        steps:
          - {step: align}
          - {step: instruct, epochs: 4, batch: 24, rate: 6.0e-4, beta2: 0.98, lowerCaseAnswers: true, augment: true, evaluate: true}
          - {step: router, labelled: 50}
          - {step: experts, name: specialists, clip: 0, freezeProjector: true}
        ablations:
          - {step: experts, name: two, from: router, domains: 2, topK: 2, withoutMeta: true, withoutRouter: true}
          - {step: experts, name: control, from: router, dense: true}
        """

    @Test("what a recipe leaves out is the step's default")
    func defaultsAreThePapers() throws {
        let steps = TrainingStep.allCases.map { "  - {step: \($0.rawValue)}" }.joined(separator: "\n")
        for step in try recipe("data: {train: [a.json]}\nsteps:\n\(steps)").steps {
            #expect(step.settings(seed: 0) == StageSettings(step.step))
        }
        let (align, instruct, experts) = (StageSettings(.align), StageSettings(.instruct), StageSettings(.experts))
        #expect(align.rate == 1e-3 && align.epochs == 1 && instruct.rate == 2e-5 && instruct.epochs == 3)
        #expect(experts.rate == 2e-5 && experts.epochs == 9 && !experts.freezesProjector)
        for settings in [align, instruct, experts] { #expect(settings.warmUp == 0.03 && settings.optimiser.decay == 0) }
    }

    @Test("each step learns from the model of the one before it, or the one that it names, with its own data")
    func jobsFollowEachOther() throws {
        let items = RecipePlan(try recipe(small), data: "DATA", start: "START", out: "OUT", withAblations: true).items
        #expect(items.map(\.title) == ["align", "instruct", "router", "specialists", "two", "control"])
        #expect(items.map(\.job.out) == ["OUT/1-align", "OUT/2-instruct", "OUT/3-router", "OUT/4-specialists", "OUT/ablations/two", "OUT/ablations/control"])
        #expect(items.map(\.job.model) == ["START", "OUT/1-align", "OUT/2-instruct", "OUT/3-router", "OUT/3-router", "OUT/3-router"])
        #expect(items.map(\.isAblation) == [false, false, false, false, true, true])
        #expect(items.map(\.evaluates) == [false, true, false, false, true, true])
        #expect(items[0].job.data == ["DATA/c.json"] && items[1].job.data == ["DATA/a/train.json", "DATA/b/train.json"])
        #expect(items[1].job.limits == ["DATA/b/train.json": 40] && items[1].job.images == "DATA")
        #expect(items[2].job.heldOut == ["DATA/a/dev.json"] && items[2].job.labelledExamples == 50)
        #expect(items[1].job.settings.rate == 6e-4 && items[1].job.settings.optimiser.beta2 == 0.98 && items[1].job.settings.seed == 9)
        #expect(items[1].job.settings.lowerCasesAnswers && items[3].job.settings.clip == nil && items[3].job.settings.freezesProjector)
        #expect(items.map(\.job.settings.augmentsImages) == [false, true, false, false, false, false])
        let two = items[4].job
        #expect(two.shape.domains == ["CT", "MRI"] && two.shape.topK == 2 && !two.shape.hasMeta && two.withoutRouter && !two.staysDense)
        #expect(items[5].job.staysDense && items[5].job.shape.domains.count == 3)
        #expect(RecipePlan(try recipe(small), data: "D", start: "S", out: "O", withAblations: false).items.count == 4)
    }

    @Test(
        "what is wrong is named with the file and the key",
        arguments: [
            ("", "recipe"), ("steps: [", "YAML"), ("data: {train: [a]}\n", "\"steps\" is missing"),
            ("data: {train: [a]}\nsteps: []", "\"steps\" is empty"), ("data: {}\nsteps: [{step: align}]", "\"data.train\" is missing"),
            ("data: {train: []}\nsteps: [{step: align}]", "\"data.train\" is empty"),
            ("data: {train: [a]}\nsteps: [{step: align, epochs: many}]", "\"steps.[0].epochs\""),
            ("data: {train: [a]}\nsteps: [{step: dance}]", "\"steps.[0].step\""),
            ("data: {train: [a]}\nsteps: [{step: align, epoch: 4}]", "\"steps[0].epoch\" is no key"),
            ("data: {train: [a], capions: [b]}\nsteps: [{step: align}]", "\"data.capions\" is no key"),
            ("data: {train: [a]}\nsteps: [{step: align}]\nablation: []", "\"ablation\" is no key"),
            ("data: {train: [a], limits: {a: 0}}\nsteps: [{step: align}]", "\"data.limits.a\" is 0"),
            ("data: {train: [a], limits: {b: 5}}\nsteps: [{step: align}]", "\"data.limits.b\" limits no file"),
            ("data: {train: [a]}\nsteps: [{step: align}, {step: align}]", "two steps are called align"),
            ("data: {train: [a]}\nsteps: [{step: align, from: later}, {step: instruct, name: later}]", "later, which is no step before it"),
            ("data: {train: [a]}\nsteps: [{step: align}]\nablations: [{step: experts}]", "ablation experts must say \"from\""),
            ("data: {train: [a]}\nsteps: [{step: align, rate: -1}]", "step align: align: the learning rate is -1"),
            ("data: {train: [a]}\nsteps: [{step: align, epochs: 0}]", "epochs is 0"),
            ("data: {train: [a]}\nsteps: [{step: router, topK: 2}]", "step router: router does not read \"topK\""),
            ("data: {train: [a]}\nsteps: [{step: align, warmUp: 2}]", "warm-up is 2"),
            ("data: {train: [a, b, ./a]}\nsteps: [{step: align}]", "\"data.train\" names ./a twice"),
            ("data: {train: [a], captions: [c, c]}\nsteps: [{step: align}]", "\"data.captions\" names c twice"),
            ("data: {train: [a], dev: [x/d, x//d]}\nsteps: [{step: align}]", "\"data.dev\" names x//d twice"),
        ])
    func faultsAreNamed(text: String, fault: String) throws {
        let error = #expect(throws: RecipeError.self) { try recipe(text) }
        let description = try #require(error).description
        #expect(description.hasPrefix("course.yaml: ") && description.contains(fault), "\(description)")
    }

    @Test("what a step learns with is known again, by what it reads itself", arguments: [
        (1, "epochs: 4", "epochs: 5", "epochs"), (1, "seed: 9", "seed: 10", "seed"), (1, "augment: true", "augment: false", "augment"),
        (1, "b/train.json: 40", "b/train.json: 41", "limits"), (0, "b/train.json: 40", "b/train.json: 41", nil),
        (1, "[a/train.json, b/train.json]", "[b/train.json, a/train.json]", "data"), (0, "a/train.json", "b/train.jsonl", nil),
        (2, "labelled: 50", "labelled: 51", "labelled"), (3, "clip: 0", "clip: 1", "clip"),
        (1, "mode: dense", "mode: sparse", nil), (2, "mode: dense", "mode: sparse", "mode"), (3, "mode: dense", "mode: sparse", "mode"),
        (5, "mode: dense", "mode: sparse", nil), (5, "dense: true", "dense: false", "dense"),
        (5, "name: control, from: router", "name: control, from: instruct", "from"),
        (1, "batch: 24", "batch: 24, recompute: true, checkpointEvery: 7", nil), (1, "evaluate: true", "evaluate: false", nil),
    ] as [(Int, String, String, String?)])
    func learntSettingsAreKnownAgain(item: Int, old: String, new: String, key: String?) throws {
        func settings(_ text: String, data: String) throws -> LearntSettings {
            let items = RecipePlan(try recipe(text), data: data, start: "START", out: "OUT", withAblations: true).items
            return LearntSettings(items[item].job, data: data)
        }
        #expect(small.contains(old))
        let before = try settings(small, data: "DATA")
        #expect(before.difference(from: try settings(small.replacing(old, with: new), data: "DATA"))?.key == key)
        #expect(try settings(small, data: "/else/where/") == before)
    }

    @Test("a new model is known again by its sizes and its tokenizer")
    func newModelsAreKnownAgain() throws {
        let text = small + """

            tokenizer: {vocabulary: 300}
            model:
              image: 28
              patch: 14
              tower: {width: 16, layers: 2, heads: 2}
              backbone: {width: 16, inner: 24, layers: 2, heads: 2, context: 512}
            """
        func settings(_ text: String) throws -> LearntSettings {
            let read = try recipe(text)
            return LearntSettings(try #require(read.model), of: read)
        }
        let before = try settings(text)
        #expect(before.difference(from: try settings(text.replacing("epochs: 4", with: "epochs: 5")))?.key == nil)
        for (old, new, key) in [
            ("vocabulary: 300", "vocabulary: 301", "tokenizer.vocabulary"), ("context: 512", "context: 256", "model.backbone.context"),
            ("seed: 9", "seed: 8", "seed"),
        ] {
            #expect(before.difference(from: try settings(text.replacing(old, with: new)))?.key == key)
        }
    }

    @Test("a file that is not there is named")
    func missingFilesAreNamed() {
        let error = #expect(throws: RecipeError.self) { try Recipe(contentsOf: "/nonexistent/course.yaml") }
        #expect(error?.description.hasPrefix("/nonexistent/course.yaml: cannot be read") == true)
    }

    @Test("sizes that make no model are named", arguments: [(\ModelShape.image, 0), (\.patch, 13), (\.tower.heads, 5), (\.backbone.heads, 3), (\.backbone.layers, -1)])
    func impossibleSizesAreNamed(size: WritableKeyPath<ModelShape, Int> & Sendable, value: Int) throws {
        var shape = ModelShape(
            image: 28, patch: 14, tower: .init(width: 16, layers: 1, heads: 2),
            backbone: .init(width: 32, inner: 48, layers: 2, heads: 2, context: 128))
        try shape.check()
        shape[keyPath: size] = value
        let error = #expect(throws: TrainingError.self) { try shape.check() }
        #expect(error?.description.hasPrefix("model: ") == true && error?.description.contains("\(value)") == true)
    }
}
