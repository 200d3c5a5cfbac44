import Checkpoints
import Foundation
import MedMoE
import ModelFixtures
import Tensors
import Testing

/// Whole models in configurations that the public code's fixtures do not cover, against an independent reference.
@Suite("Variants of the model")
struct VariantParityTests {
    /// The largest difference relative to the largest magnitude; infinite when the sizes differ or a number is not finite.
    static func relativeError(_ found: [Float], _ expected: [Float]) -> Double {
        guard found.count == expected.count, found.allSatisfy(\.isFinite) else { return .infinity }
        let difference = zip(found, expected).map { abs(Double($0) - Double($1)) }.max() ?? 0
        return difference / max(Double(expected.map(abs).max() ?? 0), .leastNormalMagnitude)
    }

    @Test("every tensor of a forward pass and the greedy tokens are the reference's", arguments: try Variant.all(), [GEMMEngine.automatic, .rowKernel, .openBLAS])
    func parity(variant: Variant, engine: GEMMEngine) async throws {
        try await variant.withCopy { copy in
            let (model, bank) = try copy.load()
            // Steps of 5 rows cut the prompt: later ones read what earlier ones left in the cache.
            let inference = InferenceEngine(
                model: model, options: EngineOptions(gemm: engine, threads: 2, rowsPerStep: 5),
                dispatch: { LocalExpertDispatch(bank: bank, context: $0) })
            let golden = try SafetensorsFile(path: variant.golden.path)
            let tokens = try integers(golden.tensor("greedy"))
            let trace = try await inference.trace(
                prompt: variant.prompt, images: [[UInt8](Data(contentsOf: variant.image))], maximumTokens: tokens.count)

            try #require(golden.names.contains("logits"))
            for layer in variant.mixtureLayers { try #require(golden.names.contains("moe_out.\(layer)")) }
            for name in golden.names {
                let found = try #require(trace.tensors[name], "\(name) is not in the trace")
                let expected = try golden.tensor(name)
                if expected.dtype == .int64 {
                    #expect(try integers(found) == integers(expected), "\(name)")
                    continue
                }
                if name == "logits" {
                    // Only the last positions are kept in the fixture.
                    let values = try expected.floats()
                    let error = VariantParityTests.relativeError(Array(try found.floats().suffix(values.count)), values)
                    #expect(error <= 1e-5, "\(name) is off by \(error)")
                } else {
                    #expect(found.shape == expected.shape, "\(name)")
                    let error = VariantParityTests.relativeError(try found.floats(), try expected.floats())
                    #expect(error <= 1e-5, "\(name) is off by \(error)")
                }
            }
            // The fixtures leave it out because it is the input of layer 0.
            #expect(try trace.tensors["inputs_embeds"]?.floats() == trace.tensors["hidden.0"]?.floats())
            // The trace has nothing more than the reference: no layer is taken for a mixture that is none.
            #expect(Set(trace.tensors.keys).subtracting(golden.names) == ["inputs_embeds"])
        }
    }

    private func integers(_ tensor: Tensor) throws -> [Int64] {
        try #require(tensor.dtype == .int64)
        return tensor.withUnsafeBytes { bytes in
            (0..<bytes.count / 8).map { Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
        }
    }
}
