import Checkpoints
import Foundation
import ModelFixtures
import Tensors
import Testing

@testable import MedMoE

/// Every named tensor against what the public code computed, from the image file to the tokens.
@Suite struct ParityTests {
    @Test(arguments: ModelFixture.allCases, [0, 1])
    func everyTensorOfTheForwardPassMatchesThePublicCode(fixture: ModelFixture, prompt: Int) async throws {
        try await expectParity(fixture, prompt, engine: try fixture.engine())
    }

    @Test(arguments: ModelFixture.allCases, [GEMMEngine.rowKernel, .openBLAS, .oneDNN])
    func everyMatrixLibraryMatchesThePublicCode(fixture: ModelFixture, gemm: GEMMEngine) async throws {
        try await expectParity(fixture, 0, engine: try fixture.engine(gemm: gemm))
    }

    private func expectParity(_ fixture: ModelFixture, _ prompt: Int, engine: InferenceEngine) async throws {
        let expected = try fixture.manifest()
        let golden = try SafetensorsFile(path: fixture.golden.path)
        let trace = try await engine.trace(
            prompt: expected.prompts[prompt].prompt, images: [try fixture.imageBytes(prompt)], maximumTokens: 12)
        let prefix = "p\(prompt)."
        for name in golden.names where name.hasPrefix(prefix) {
            let short = String(name.dropFirst(prefix.count))
            let found = try #require(trace.tensors[short], "\(short) is missing")
            #expect(found.shape == golden.descriptor(name)?.shape, "\(short)")
            if found.dtype == .int64 {
                let values = try golden.tensor(name)
                #expect(integers(found) == integers(values), "\(short)")
            } else {
                let error = relativeError(try found.floats(), try golden.tensor(name).floats())
                #expect(error <= 1e-5, "\(short): \(error)")
            }
        }
        let greedy = try #require(trace.tensors["greedy"])
        #expect(integers(greedy) == expected.prompts[prompt].greedyTokens)
    }

    @Test(arguments: ModelFixture.allCases)
    func routingAddsUpToTokensTimesK(fixture: ModelFixture) async throws {
        let engine = try fixture.engine()
        let trace = try await engine.trace(
            prompt: try fixture.manifest().prompts[0].prompt, images: [try fixture.imageBytes(0)], maximumTokens: 0)
        let mixture = try #require(engine.model.configuration.mixture)
        for layer in mixture.layers {
            let entries = trace.routing.filter { $0.layer == layer }
            #expect(entries.reduce(0) { $0 + $1.tokens } == trace.rows * mixture.topK)
        }
    }

    @Test func tokensPerExpertMatchThePublicCode() async throws {
        // The manifest counts first choices over the prompt; with top-1 that is all there is.
        for fixture in [ModelFixture.stableLM, .phi] {
            for (index, prompt) in try fixture.manifest().prompts.enumerated() {
                let trace = try await fixture.engine().trace(
                    prompt: prompt.prompt, images: [try fixture.imageBytes(index)], maximumTokens: 0)
                for (layer, counts) in prompt.tokensPerExpert {
                    let found = counts.indices.map { expert in
                        trace.routing.filter { "\($0.layer)" == layer && $0.expert == expert }.reduce(0) { $0 + $1.tokens }
                    }
                    #expect(found == counts, "\(fixture) layer \(layer)")
                }
            }
        }
    }

    /// What the wire, a replica or another batch must never change: the bits.
    @Test(arguments: ModelFixture.allCases, [1, 7, 64])
    func prefillChunksChangeNoBit(fixture: ModelFixture, rows: Int) async throws {
        let prompt = try fixture.manifest().prompts[1].prompt
        let image = try fixture.imageBytes(1)
        let whole = try await fixture.engine().trace(prompt: prompt, images: [image], maximumTokens: 4)
        let chunked = try await fixture.engine(rowsPerStep: rows).trace(prompt: prompt, images: [image], maximumTokens: 4)
        #expect(whole.tensors.keys.sorted() == chunked.tensors.keys.sorted())
        for (name, tensor) in whole.tensors {
            let other = try #require(chunked.tensors[name])
            #expect(bytes(tensor) == bytes(other), "\(name)")
        }
    }

    @Test(arguments: ModelFixture.allCases)
    func threadsChangeNoBit(fixture: ModelFixture) async throws {
        let prompt = try fixture.manifest().prompts[0].prompt
        let image = try fixture.imageBytes(0)
        let one = try await fixture.engine(threads: 1).trace(prompt: prompt, images: [image], maximumTokens: 2)
        let three = try await fixture.engine(threads: 3).trace(prompt: prompt, images: [image], maximumTokens: 2)
        for (name, tensor) in one.tensors { #expect(bytes(tensor) == three.tensors[name].map(bytes), "\(name)") }
    }

    private func bytes(_ tensor: Tensor) -> [UInt8] { tensor.withUnsafeBytes { Array($0) } }

    private func integers(_ tensor: Tensor) -> [Int] {
        tensor.withUnsafeBytes { $0.bindMemory(to: Int64.self).map { Int($0) } }
    }
}
