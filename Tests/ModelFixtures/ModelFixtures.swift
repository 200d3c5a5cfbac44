import Foundation

/// Small random models and the values that the public Med-MoE code computed on them.
///
/// Each folder has `checkpoint/`, `clip/`, two images, `golden.safetensors` and `manifest.json`.
public enum ModelFixture: String, CaseIterable, Sendable {
    case stableLM = "tiny-stablelm"
    case phi = "tiny-phi"
    case stableLMTop2 = "tiny-stablelm-top2"

    public var folder: URL { Bundle.module.bundleURL.appending(path: "Models/\(rawValue)") }
    public var checkpoint: URL { folder.appending(path: "checkpoint") }
    public var tower: URL { folder.appending(path: "clip") }
    public var golden: URL { folder.appending(path: "golden.safetensors") }

    public func image(_ prompt: Int) -> URL { folder.appending(path: "image\(prompt).png") }

    /// What the manifest says.
    public func manifest() throws -> Manifest {
        try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: folder.appending(path: "manifest.json")))
    }

    public struct Manifest: Decodable, Sendable {
        public let moeLayers: [Int]
        public let prompts: [Prompt]

        enum CodingKeys: String, CodingKey {
            case moeLayers = "moe_layers"
            case prompts
        }
    }

    public struct Prompt: Decodable, Sendable {
        public let image: String
        public let question: String
        public let prompt: String
        public let greedyTokens: [Int]
        public let greedyText: String
        public let tokensPerExpert: [String: [Int]]

        enum CodingKeys: String, CodingKey {
            case image, question, prompt
            case greedyTokens = "greedy_tokens"
            case greedyText = "greedy_text"
            case tokensPerExpert = "tokens_per_expert"
        }
    }
}

/// Routers that the Med-MoE authors trained and published: `fc1.weight` [4, D] and `fc1.bias` [4].
public enum PublishedRouter: String, CaseIterable, Sendable {
    /// D = 2048.
    case stableLM = "stablelm_router"
    /// D = 2560.
    case phi = "phi_router"

    public var file: URL { Bundle.module.bundleURL.appending(path: "Models/routers/\(rawValue).pth") }
}
