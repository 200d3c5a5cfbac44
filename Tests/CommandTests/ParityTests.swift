import Checkpoints
import ClusterHarness
import Foundation
import ModelFixtures
import Tensors
import Testing

extension Commands {
    /// One forward pass, in one process and over workers that hold nothing but their experts, against the public code.
    @Suite struct Parity {
        @Test("a trace has the same bytes in process and over 1, 2 and 4 workers on shards, and the public code's values", arguments: ModelFixture.allCases)
        func aTraceHasTheSameBytesInProcessAnd(
            fixture: ModelFixture
        ) async throws {
            let program = try Program()
            let shards = try await Shards(of: fixture, program)
            try shards.expectCoordinatorHoldsNoExpert()
            let manifest = try fixture.manifest()
            let golden = try SafetensorsFile(path: fixture.golden.path)
            for (index, prompt) in manifest.prompts.enumerated() {
                func trace(_ name: String, _ source: [String]) async throws -> (Data, RoutingReport) {
                    let file = program.folder.appending(name)
                    let outcome = try await program.succeed(
                        ["trace", "--json", "--threads", "1", "--max-tokens", "\(prompt.greedyTokens.count)", "--image", fixture.image(index).path, "--prompt", prompt.prompt, "--out", file]
                            + source)
                    return (
                        try Data(contentsOf: URL(filePath: file)),
                        try JSONDecoder().decode(RoutingReport.self, from: Data(outcome.output.utf8))
                    )
                }
                let (bytes, routing) = try await trace("local-\(index)", ["--model", fixture.checkpoint.path])
                try expectGolden(program.folder.appending("local-\(index)"), golden, prompt: index)
                try routing.expectSums(layers: manifest.moeLayers, choices: fixture.choices)
                for workers in [1, 2, 4] {
                    let folders = shards.ofWorkers[workers] ?? []
                    let (remote, remoteRouting) = try await trace(
                        "remote-\(index)-\(workers)",
                        ["--model", shards.coordinator, "--workers", "\(workers)"] + folders.flatMap { ["--worker-model", $0] })
                    #expect(remote == bytes, "\(fixture.rawValue), prompt \(index), \(workers) workers")
                    try remoteRouting.expectSums(layers: manifest.moeLayers, choices: fixture.choices)
                    #expect(Set(remoteRouting.routing.map(\.worker)).count == workers)
                    #expect(remoteRouting.tokensPerExpert == routing.tokensPerExpert)
                }
            }
        }

        /// Every golden tensor is in the file, equal where it holds integers, else within a relative 1e-5.
        private func expectGolden(_ path: String, _ golden: SafetensorsFile, prompt: Int) throws {
            let trace = try SafetensorsFile(path: path)
            let prefix = "p\(prompt)."
            let names = golden.names.filter { $0.hasPrefix(prefix) }
            #expect(names.count >= 10)
            for name in names {
                let own = String(name.dropFirst(prefix.count))
                try #require(trace.descriptor(own) != nil, "the trace has no \(own)")
                let found = try trace.tensor(own)
                let expected = try golden.tensor(name)
                #expect(found.shape == expected.shape, "\(own)")
                guard expected.dtype.isFloatingPoint else {
                    #expect(found.withUnsafeBytes { Data($0) } == expected.withUnsafeBytes { Data($0) }, "\(own)")
                    continue
                }
                let pairs = zip(try found.floats(), try expected.floats())
                let difference = pairs.reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
                let size = pairs.reduce(0.0) { $0 + pow(Double($1.1), 2) }
                #expect((difference / size).squareRoot() < 1e-5, "\(own)")
            }
        }
    }
}

extension ModelFixture {
    /// Experts that each token goes to.
    var choices: Int { self == .stableLMTop2 ? 2 : 1 }
}

/// What `medmoe trace --json` prints.
private struct RoutingReport: Decodable {
    var rows: Int
    var routing: [Routing]

    struct Place: Hashable {
        var layer: Int
        var expert: Int
    }

    var tokensPerExpert: [Place: Int] {
        Dictionary(routing.map { (Place(layer: $0.layer, expert: $0.expert), $0.tokens) }, uniquingKeysWith: +)
    }

    func expectSums(layers: [Int], choices: Int) throws {
        #expect(rows > 0)
        let sums = Dictionary(routing.map { ($0.layer, $0.tokens) }, uniquingKeysWith: +)
        #expect(sums == Dictionary(uniqueKeysWithValues: layers.map { ($0, rows * choices) }))
    }
}

/// A fixture, cut up as for a cluster of 1, 2 and 4 workers.
private struct Shards {
    let coordinator: String
    /// Folders by number of workers.
    let ofWorkers: [Int: [String]]

    init(of fixture: ModelFixture, _ program: Program) async throws {
        coordinator = program.folder.appending("coordinator")
        try await program.succeed(["shard", fixture.checkpoint.path, "--coordinator", "--out", coordinator])
        var ofWorkers: [Int: [String]] = [:]
        for (workers, lists) in [1: ["all"], 2: ["0,2", "1,3"], 4: ["0", "1", "2", "3"]] {
            for list in lists {
                let folder = program.folder.appending("experts-\(list.replacing(",", with: "-"))")
                try await program.succeed(["shard", fixture.checkpoint.path, "--experts", list, "--out", folder])
                ofWorkers[workers, default: []].append(folder)
            }
        }
        self.ofWorkers = ofWorkers
    }

    func expectCoordinatorHoldsNoExpert() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: coordinator).filter { $0.hasSuffix(".safetensors") }
        #expect(!files.isEmpty)
        for file in files {
            for name in try SafetensorsFile(path: coordinator + "/" + file).names {
                #expect(!name.contains("deepspeed_experts") && !name.contains("meta_moe"), "\(name)")
            }
        }
    }
}
