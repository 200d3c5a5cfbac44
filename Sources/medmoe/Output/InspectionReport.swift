import Checkpoints
import Foundation
import MedMoE

/// What `medmoe inspect` found, as a table or as JSON.
struct InspectionReport {
    let folder: CheckpointFolder
    let configuration: ModelConfiguration
    let tower: ImageTowerConfiguration?
    let towerProblem: String?
    let summary: CheckpointSummary
    /// Nil when it cannot be known: a part of the model is neither at hand nor recorded.
    let digest: String?

    private var backbone: String {
        let c = configuration
        let family = c.backbone == .stableLM ? "StableLM" : "Phi"
        return "\(family), \(c.layerCount) layers, hidden \(c.hiddenSize), FFN \(c.intermediateSize), \(c.headCount) heads"
            + (c.keyValueHeadCount == c.headCount ? "" : " (\(c.keyValueHeadCount) for keys and values)")
            + ", vocabulary \(grouped(c.vocabularySize)), context \(grouped(c.contextLength))"
    }

    private var towerText: String {
        guard let tower else { return towerProblem ?? "not at hand" }
        return "CLIP ViT, \(tower.imageSize) pixels, patch \(tower.patchSize) (\(tower.patchCount) patches), "
            + "\(tower.layerCount) layers, width \(tower.hiddenSize)"
    }

    private var expertNames: [String] {
        guard let mixture = configuration.mixture else { return [] }
        return (0..<mixture.expertCount).map { mixture.domains.isEmpty ? "\($0)" : "\($0) \(mixture.domains[$0])" }
    }

    private var numberTypes: String {
        summary.held.bytes.sorted { $0.value > $1.value }.map { "\($0.key.rawValue) \(grouped($0.value)) bytes" }.joined(separator: ", ")
    }

    var text: String {
        var lines = [
            ("folder", folder.path),
            ("holds", "\(folder.role)"),
            ("container", "\(folder.container.kind.rawValue), \(grouped(summary.held.tensors)) tensors"
                + (folder.container.ignored.isEmpty ? "" : "; not read: \(folder.container.ignored.joined(separator: ", "))")),
            ("architecture", configuration.modelType),
            ("backbone", backbone),
            ("image tower", towerText),
            ("parameters", "\(grouped(summary.totalParameters)) in total"),
            ("activated", "\(grouped(summary.activatedParameters)) per token (\(String(format: "%.1f", summary.activatedPercentage)) %)"),
        ]
        if let mixture = configuration.mixture {
            lines.append(("mixture layers", mixture.layers.map(String.init).joined(separator: ", ")))
            lines.append(("experts", expertNames.joined(separator: ", ")))
            lines.append(("routing", "top-\(mixture.topK)\(mixture.usesResidual ? ", residual" : "")"))
        } else {
            lines.append(("experts", "none: a dense model"))
        }
        lines.append(("number types", numberTypes))
        lines.append(("digest", digest ?? "unknown: part of the model is not at hand"))
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { $0.0.padding(toLength: width, withPad: " ", startingAt: 0) + "  " + $0.1 }.joined(separator: "\n")
    }

    func json() throws -> String {
        struct Report: Encodable {
            var folder, role, container, architecture, backbone: String
            var parametersTotal, parametersActivated: Int
            var activatedPercent: Double
            var mixtureLayers: [Int]
            var experts: Int
            var expertDomains: [String]
            var topK: Int
            var numberTypes: [String: Int]
            var digest: String?
        }
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let report = Report(
            folder: folder.path, role: "\(folder.role)", container: folder.container.kind.rawValue,
            architecture: configuration.modelType, backbone: configuration.backbone.rawValue,
            parametersTotal: summary.totalParameters, parametersActivated: summary.activatedParameters,
            activatedPercent: summary.activatedPercentage, mixtureLayers: configuration.mixture?.layers ?? [],
            experts: configuration.mixture?.expertCount ?? 0, expertDomains: configuration.mixture?.domains ?? [],
            topK: configuration.mixture?.topK ?? 0,
            numberTypes: Dictionary(uniqueKeysWithValues: summary.held.bytes.map { ($0.key.rawValue, $0.value) }), digest: digest)
        return String(decoding: try encoder.encode(report), as: UTF8.self)
    }
}
