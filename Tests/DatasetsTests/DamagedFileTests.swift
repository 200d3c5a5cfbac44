import Foundation
import Testing

@testable import Datasets

/// A small generator: the same damage in every run.
private struct Damage {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func number(below limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % limit
    }

    /// Some bytes changed, some removed from the end.
    mutating func applied(to bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...number(below: 4) { bytes[number(below: bytes.count)] = UInt8(number(below: 256)) }
        if number(below: 4) == 0 { bytes.removeLast(number(below: bytes.count)) }
        return bytes
    }
}

/// Nothing in a file ends the process or gets through unchecked.
@Suite struct DamagedFileTests {
    @Test func damagedConversationFilesGiveConversationsOrProblems() {
        let entry = """
            {"id": "a", "image": "x.jpg", "answer_type": "OPEN", "modality": null, "conversations": [{"from": "human", "value": "<image>\\nIs \\u00e9?"},
             {"from": "gpt", "value": 1.5e3}, {"from": "human", "value": "Why?"}, {"from": "gpt", "value": true}]}
            """
        let texts = ["[\(entry), \(entry)]", entry.filter { $0 != "\n" } + "\n" + entry.filter { $0 != "\n" }].map { Array($0.utf8) }
        var damage = Damage(seed: 1)
        var broken = 0
        for round in 0..<4000 {
            let file = ConversationFile(bytes: damage.applied(to: texts[round % 2]), path: "x.json")
            #expect(file.conversations.allSatisfy { $0.image != nil && $0.turns.allSatisfy { !$0.question.isEmpty && !$0.answer.isEmpty } })
            #expect(!file.conversations.isEmpty || !file.problems.isEmpty)
            broken += file.problems.isEmpty ? 0 : 1
        }
        #expect(broken > 1000)
    }

    @Test func damagedArraysAreRefusedOrTrue() throws {
        let folder = try TemporaryFolder()
        let names = ["bytes", "whole", "real", "scalar"]
        let path = Bundle.module.bundleURL.appending(path: "Fixtures/arrays.npz").path
        let honest = try NPZFile(path: path)
        let truth = try names.map { try honest.array($0) }
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        var damage = Damage(seed: 2)
        var refused = 0
        for _ in 0..<600 {
            let place = try folder.write(damage.applied(to: bytes), as: "x.npz")
            do {
                let file = try NPZFile(path: place)
                for (name, array) in zip(names, truth) { #expect(try file.array(name) == array) }
            } catch {
                refused += 1
            }
        }
        #expect(refused > 100)
    }
}
