import Checkpoints
import Foundation
import LearningSupport
import MedMoE
import ModelFixtures
import Testing

@testable import Training

/// Checkpoints whose parts do not belong together: learning refuses what serving refuses, before it computes with wrong strides.
struct DistrustedModelTests {
    private let folder = ScratchFolder()

    /// A copy of the small model that a test may spoil.
    private func copy(tower: URL = ModelFixture.stableLM.tower) throws -> String {
        let path = "\(folder.path)/\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try FileManager.default.copyItem(at: ModelFixture.stableLM.checkpoint, to: URL(filePath: "\(path)/checkpoint"))
        // Where config.json says it is.
        try FileManager.default.copyItem(at: tower, to: URL(filePath: "\(path)/clip"))
        return "\(path)/checkpoint"
    }

    /// Replaces a text that a file has once.
    private func edit(_ file: String, _ old: String, _ new: String) throws {
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try #require(text.components(separatedBy: old).count == 2, "\(old) is not once in \(file)")
        try text.replacing(old, with: new).write(toFile: file, atomically: true, encoding: .utf8)
    }

    private func selectLayer(_ state: Int, in path: String) throws {
        try edit("\(path)/config.json", #""mm_vision_select_layer": -2"#, #""mm_vision_select_layer": \#(state)"#)
    }

    /// What opening for learning and loading for serving say of a folder that both refuse.
    private func refusals(of path: String) throws -> (learning: String, serving: String) {
        let folder = try CheckpointFolder(path: path)
        let learning = #expect(throws: ModelError.self) { _ = try LearnableModel(folder: folder) }
        let serving = #expect(throws: ModelError.self) { _ = try MedMoEModel(folder: folder) }
        return (try #require(learning).description, try #require(serving).description)
    }

    @Test("a tower of another width than the projector expects is refused, in the words of serving and with the folder")
    func otherTowersAreRefused() throws {
        let variants = ModelFixture.stableLM.folder.deletingLastPathComponent().deletingLastPathComponent().appending(path: "Variants")
        let path = try copy(tower: variants.appending(path: "phi-dense/clip"))
        let (learning, serving) = try refusals(of: path)
        #expect(serving == "the tower's hidden_size is 16, config.json's mm_hidden_size 32: another tower belongs to this model")
        #expect(learning == "\(path): \(serving)")
    }

    @Test("a hidden state that the tower does not have is refused, in the words of serving and with the folder", arguments: [4, -5])
    func missingHiddenStatesAreRefused(state: Int) throws {
        let path = try copy()
        try selectLayer(state, in: path)
        let (learning, serving) = try refusals(of: path)
        #expect(serving == "mm_vision_select_layer \(state) is outside a tower of 3 layers: -4 to 3 are possible")
        #expect(learning == "\(path): \(serving)")
    }

    @Test("every hidden state that the tower has can be learnt from", arguments: [(0, 0), (-4, 0), (-2, 2), (-1, 3), (3, 3)])
    func hiddenStatesCountFromBothEnds(state: Int, layers: Int) throws {
        let path = try copy()
        try selectLayer(state, in: path)
        #expect(try LearnableModel(folder: CheckpointFolder(path: path)).towerLayers == layers)
    }

    @Test("a tokenizer with an id beyond the model's embeddings is refused, whether the model has too few or the tokenizer one too many")
    func otherTokenizersAreRefused() throws {
        let few = try copy()
        try edit("\(few)/config.json", #""vocab_size": 400"#, #""vocab_size": 399"#)
        let added = try copy()
        let token = #"{"id": 400, "content": "<|new|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}"#
        try edit("\(added)/tokenizer.json", #""added_tokens": ["#, #""added_tokens": [\#(token),"#)
        for (path, highest, size) in [(few, 399, 399), (added, 400, 400)] {
            let error = #expect(throws: ModelError.self) { _ = try LearnableModel(folder: CheckpointFolder(path: path)) }
            #expect(
                error?.description
                    == "\(path): the tokenizer's ids go up to \(highest), config.json's vocab_size is \(size): another tokenizer belongs to this model")
        }
    }

    @Test("more embeddings than tokens, as published models have them, are no fault")
    func spareEmbeddingsAreNoFault() throws {
        let path = try copy()
        try edit("\(path)/config.json", #""vocab_size": 400"#, #""vocab_size": 512"#)
        #expect(try LearnableModel(folder: CheckpointFolder(path: path)).tokenizer.vocabularySize == 400)
    }
}
