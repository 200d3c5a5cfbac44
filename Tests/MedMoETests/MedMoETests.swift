import Checkpoints
import Foundation
import ModelFixtures
import Tensors
import Testing

@testable import MedMoE

final class Collector: ForwardObserver {
    var parts: [String: [Float]] = [:]
    func observe(_ name: String, _ rows: Rows) { parts[name, default: []] += rows.values }
}

actor Runner {
    let executor = ComputeExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func relative(_ a: [Float], _ b: [Float]) -> Double {
        var d = 0.0, n = 0.0
        for (x, y) in zip(a, b) { d += Double(x - y) * Double(x - y); n += Double(y) * Double(y) }
        return a.count == b.count ? (d / n).squareRoot() : .infinity
    }

    func run(_ fixture: ModelFixture, prompt: Int, engine: GEMMEngine, chunk: Int) async throws {
        let golden = try SafetensorsFile(path: fixture.golden.path)
        let source = try ShardedSafetensors(indexPath: fixture.checkpoint.appending(path: "model.safetensors.index.json").path)
        let towerSource = try SafetensorsFile(path: fixture.tower.appending(path: "model.safetensors").path)
        let configuration = try ModelConfiguration(contentsOf: fixture.checkpoint.appending(path: "config.json"))
        let towerConfiguration = try ImageTowerConfiguration(contentsOf: fixture.tower.appending(path: "config.json"))
        let context = try ComputeContext(engine: engine, threads: 2)
        let bank = try ExpertBank(source: source, configuration: configuration)
        let backbone = try Backbone(source: source, configuration: configuration, hasMeta: true)
        let tower = try ImageTower(source: towerSource, configuration: towerConfiguration, selectedLayer: configuration.selectedTowerLayer)
        let projector = try Projector(WeightReader(source: source), configuration: configuration)
        func gold(_ name: String) throws -> [Float] { try golden.tensor("p\(prompt).\(name)").floats() }
        let features = try tower(try gold("pixel_values"), context).slice(1..<towerConfiguration.patchCount + 1)
        #expect(relative(features.values, try gold("image_features")) < 1e-5)
        let projected = try projector(features, context)
        #expect(relative(projected.values, try gold("projected")) < 1e-5)
        let embeds = try gold("inputs_embeds")
        let T = embeds.count / configuration.hiddenSize
        let cache = try backbone.makeCache(positions: T)
        let collector = Collector()
        var logits: [Float] = []
        for first in stride(from: 0, to: T, by: chunk) {
            let n = min(chunk, T - first)
            let x = Rows(count: n, width: configuration.hiddenSize)
            for i in 0..<x.elementCount { x.pointer[i] = embeds[first * x.width + i] }
            let pass = ForwardPass(segments: [BatchSegment(cache: cache, firstRow: 0, count: n, position: first)], context: context, dispatch: LocalExpertDispatch(bank: bank, context: context), deadline: .now.advanced(by: .seconds(60)), observer: collector)
            let h = try await backbone(x, pass)
            cache.advance(by: n)
            logits += try backbone.logits(h, context).values
        }
        #expect(relative(logits, try gold("logits")) < 1e-5)
        for (name, values) in collector.parts.sorted(by: { $0.key < $1.key }) {
            let r = relative(values, try gold(name))
            print(fixture.rawValue, prompt, engine, chunk, name, r)
            #expect(r < 1e-5)
        }
        print(context.gemm.summary, relative(logits, try gold("logits")))
    }
}

@Test(arguments: ModelFixture.allCases, [GEMMEngine.automatic, .rowKernel, .openBLAS])
func parity(fixture: ModelFixture, engine: GEMMEngine) async throws {
    try await Runner().run(fixture, prompt: 0, engine: engine, chunk: 1000)
    try await Runner().run(fixture, prompt: 1, engine: engine, chunk: 7)
}
