import Foundation
import Testing

@testable import Datasets

private let shared = ProcessInfo.processInfo.environment["MEDMOE_SHARED"].flatMap { $0.isEmpty ? nil : $0 }

@Suite(.enabled(if: shared != nil, "MEDMOE_SHARED is not set: the public data sets are not read"))
struct SharedDataTests {
    @Test("The public sets have as many questions of each kind as their description says, and no problem", arguments: [
        ("vqa-rad/train", 679, 928), ("vqa-rad/dev", 89, 97), ("slake/train", 2975, 1943), ("slake/dev", 631, 422), ("path-vqa/train", 7223, 8605),
        ("path-vqa/dev", 399, 458), ("captions/align", 2415, 0),
    ])
    func publicSets(name: String, open: Int, closed: Int) throws {
        let folder = try #require(shared) + "/data"
        let rules = DataRules(images: ImageFolder(path: folder), modalities: ["CT", "MRI", "X-Ray", "Pathology"], needsAnswerType: true)
        let data = try DataValidation(rules: rules).run(files: ["\(folder)/\(name).json"])
        #expect(data.conversations.count { $0.answerType == .open } == open)
        #expect(data.conversations.count { $0.answerType == .closed } == closed)
    }

    @Test func theArraysOfPneumoniaMNISTHaveTheirShapesAndLabels() throws {
        let file = try NPZFile(path: #require(shared) + "/data/classification/pneumoniamnist.npz")
        #expect(try file.array("train_images").shape == [3882, 28, 28])
        #expect(try file.array("val_images").shape == [524, 28, 28])
        #expect(try file.array("val_labels").integers?.count { $0 == 1 } == 389)
        #expect(try file.array("train_labels").integers?.count { $0 == 0 } == 388)
    }
}
