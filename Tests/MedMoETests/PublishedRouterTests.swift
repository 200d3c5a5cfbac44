import Checkpoints
import Glibc
import ModelFixtures
import Tensors
import Testing

@testable import MedMoE

/// A mixture layer of the published sizes with the router that the authors published. The experts are random: theirs are
/// not at hand here.
@Suite(.serialized) struct PublishedRouterTests {
    @Test(arguments: PublishedRouter.allCases)
    func aMixtureLayerOfThePublishedSizeRunsWithThePublishedRouter(router: PublishedRouter) async throws {
        let layer = try PublishedLayer(router)
        let runner = LayerRunner()
        let outcome = try await runner.run(layer)
        // Sixty-four tokens, all computed once, by the expert that the published router prefers.
        #expect(outcome.rowsPerExpert.reduce(0, +) == layer.rowCount)
        let weight = try layer.source.tensor("model.layers.0.mlp.deepspeed_moe.gate.wg.weight").floats()
        let bias = try layer.source.tensor("model.layers.0.mlp.deepspeed_moe.gate.wg.bias").floats()
        #expect(weight.contains { $0 != 0 })
        for row in [0, layer.rowCount - 1] {
            let h = outcome.input[row * layer.width..<(row + 1) * layer.width].map(Double.init)
            let z = (0..<4).map { expert in
                h.indices.reduce(Double(bias[expert])) { $0 + h[$1] * Double(weight[expert * layer.width + $1]) }
            }
            let best = z.indices.max { z[$0] < z[$1] } ?? 0
            let powers = z.map { exp($0 - z[best]) }
            let g = 1 / powers.reduce(0, +)
            // y = g · E(h) + M(h), here for the first numbers of the row, in double precision.
            let expert = try layer.feedForward(prefix: "model.layers.0.mlp.deepspeed_moe.experts.deepspeed_experts.\(best)", h, outputs: 3)
            let meta = try layer.feedForward(prefix: "model.layers.0.mlp.meta_moe", h, outputs: 3)
            for output in 0..<3 {
                let expected = g * expert[output] + meta[output]
                let found = Double(outcome.output[row * layer.width + output])
                #expect(abs(found - expected) <= 1e-4 * max(1, abs(expected)), "row \(row), number \(output)")
            }
        }
    }
}

/// Tensors of one mixture layer: gate from the published file, experts made up.
private struct PublishedLayer {
    let source: MemoryTensors
    let configuration: ModelConfiguration
    let width: Int
    let rowCount = 64

    init(_ router: PublishedRouter) throws {
        let archive = try TorchArchive(path: router.file.path)
        let isPhi = router == .phi
        let width = isPhi ? 2560 : 2048
        self.width = width
        let inner = isPhi ? 10_240 : 5632
        let json = """
            {"model_type": "moe_llava_\(isPhi ? "phi" : "stablelm")", "vocab_size": 51200, "hidden_size": \(width),
             "intermediate_size": \(inner), "num_hidden_layers": 2, "num_attention_heads": 32, "partial_rotary_factor": 0.4,
             "rope_pct": 0.25, "eos_token_id": 0,
             "moe": {"moe_mode": "sparse", "num_experts": [4], "top_k_experts": 1, "use_residual": false}}
            """
        configuration = try ModelConfiguration(data: .init(json.utf8), file: "test")
        // All experts look at one block of numbers, each from another place: no gigabytes are needed to tell them apart.
        var random = SeededRandom(seed: UInt64(width))
        let block = Storage.filled(byteCount: (width * inner + 16 * 64) * 4) { bytes in
            let floats = bytes.bindMemory(to: Float.self)
            for i in floats.indices { floats[i] = (Float(random.next() >> 40) / Float(1 << 24) - 0.5) / Float(width).squareRoot() }
        }
        var tensors = [
            "model.layers.0.mlp.deepspeed_moe.gate.wg.weight": try archive.tensor("fc1.weight", shape: [4, width]),
            "model.layers.0.mlp.deepspeed_moe.gate.wg.bias": try archive.tensor("fc1.bias", shape: [4]),
        ]
        let prefixes = (0..<4).map { "deepspeed_moe.experts.deepspeed_experts.\($0)" } + ["meta_moe"]
        for (place, prefix) in prefixes.enumerated() {
            func view(_ name: String, _ shape: [Int], _ offset: Int) throws {
                tensors["model.layers.0.mlp.\(prefix).\(name)"] = try Tensor(
                    dtype: .float32, shape: shape, storage: block, byteOffset: (place * 3 + offset) * 64 * 4)
            }
            if isPhi {
                try view("fc1.weight", [inner, width], 0)
                try view("fc1.bias", [inner], 1)
                try view("fc2.weight", [width, inner], 1)
                try view("fc2.bias", [width], 0)
            } else {
                try view("gate_proj.weight", [inner, width], 0)
                try view("up_proj.weight", [inner, width], 1)
                try view("down_proj.weight", [width, inner], 0)
            }
        }
        source = MemoryTensors(tensors)
    }

    /// The first outputs of an FFN for one row, by its formula in double precision.
    func feedForward(prefix: String, _ h: [Double], outputs: Int) throws -> [Double] {
        func product(_ name: String, _ x: [Double], rows: Int? = nil) throws -> [Double] {
            let tensor = try source.tensor("\(prefix).\(name)")
            let inner = tensor.shape[1]
            return tensor.withUnsafeBytes { bytes in
                let w = bytes.bindMemory(to: Float.self)
                return (0..<(rows ?? tensor.shape[0])).map { row in
                    var sum = 0.0
                    for i in 0..<inner { sum += Double(w[row * inner + i]) * x[i] }
                    return sum
                }
            }
        }
        if configuration.backbone == .phi {
            let first = try source.tensor("\(prefix).fc1.bias").floats()
            let second = try source.tensor("\(prefix).fc2.bias").floats()
            let inner = try zip(product("fc1.weight", h), first).map { x, b in
                let v = x + Double(b)
                return 0.5 * v * (1 + tanh((2 / Double.pi).squareRoot() * (v + 0.044715 * v * v * v)))
            }
            return try zip(product("fc2.weight", inner, rows: outputs), second).map { $0 + Double($1) }
        }
        let gate = try product("gate_proj.weight", h)
        let up = try product("up_proj.weight", h)
        return try product("down_proj.weight", zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 }, rows: outputs)
    }
}

private actor LayerRunner {
    struct Outcome: Sendable {
        let input: [Float]
        let output: [Float]
        let rowsPerExpert: [Int]
    }

    private let executor = ComputeExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
    deinit { executor.stop() }

    func run(_ layer: PublishedLayer) async throws -> Outcome {
        let context = try ComputeContext(threads: 2)
        let bank = try ExpertBank(source: layer.source, configuration: layer.configuration)
        guard let mixture = layer.configuration.mixture else { throw ModelError.inconsistent("no mixture") }
        let router = try Router(
            WeightReader(source: layer.source), layer: 0, configuration: layer.configuration, mixture: mixture, hasMeta: true)
        let h = Rows(count: layer.rowCount, width: layer.width)
        var random = SeededRandom(seed: 5)
        for i in 0..<h.elementCount { h.pointer[i] = Float.random(in: -1.7...1.7, using: &random) }
        var rowsPerExpert = [0, 0, 0, 0]
        let pass = ForwardPass(
            segments: [], context: context, dispatch: LocalExpertDispatch(bank: bank, context: context),
            deadline: .now.advanced(by: .seconds(120)), observer: nil, routed: { rowsPerExpert[$0.expert] += $0.rows.count })
        let y = try await MixtureLayer(layer: 0, router: router)(h, pass)
        return Outcome(input: h.values, output: y.values, rowsPerExpert: rowsPerExpert)
    }
}
