import Foundation
import Synchronization
import Testing

@testable import Datasets

/// Files and images of a small data set in a folder of its own.
private struct SmallSet {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A file with an entry per image.
    func file(_ name: String = "set.json", images: [String], modality: String = "null", answerType: String = "\"OPEN\"") throws -> String {
        let entries = images.enumerated().map { index, image in
            """
            {"id": "\(index)", "image": "\(image)", "modality": \(modality), "answer_type": \(answerType),
             "conversations": [{"from": "human", "value": "<image>\\nWhat?"}, {"from": "gpt", "value": "a"}]}
            """
        }
        return try folder.write(Array("[\(entries.joined(separator: ",\n"))]".utf8), as: name)
    }

    var images: ImageFolder { ImageFolder(path: folder.path) }
}

@Suite struct DataValidationTests {
    private struct Unreadable: Error {}

    @Test func goodDataPassesWithProgressOverAllFiles() throws {
        let set = try SmallSet()
        try set.folder.write([1], as: "x.jpg")
        let files = [try set.file(images: ["x.jpg", "x.jpg"], modality: "\"CT\""), try set.file("b.json", images: ["x.jpg"])]
        var seen: [[Int]] = []
        let data = try DataValidation(rules: .init(images: set.images, modalities: ["CT"])).run(files: files) { seen.append([$0, $1]) }
        #expect(seen == [[1, 3], [2, 3], [3, 3]])
        #expect(data.files.map(\.conversations.count) == [2, 1] && data.files.map(\.path) == files)
        #expect(data.problems.isEmpty && data.entryCount == 3)
    }

    @Test func badImagesAreNamedAtEachEntryAndLookedAtOnce() throws {
        let set = try SmallSet()
        try set.folder.write([1], as: "good.jpg")
        try set.folder.write([2], as: "bad.jpg")
        let file = try set.file(images: ["good.jpg", "none.jpg", "bad.jpg", "../x.jpg", "/etc/passwd", "bad.jpg", "a/../../x", "good.jpg"])
        let looked = Mutex([String]())
        let rules = DataRules(images: set.images) { bytes, name in
            looked.withLock { $0.append(name) }
            if bytes == [2] { throw Unreadable() }
        }
        let data = try DataValidation(rules: rules, skipsBad: true).run(files: [file])
        #expect(data.files[0].conversations.map(\.entry) == [0, 7])
        #expect(data.problems.map(\.entry) == [1, 2, 3, 4, 5, 6])
        #expect(data.problems.map(\.kind) == [.missingImage, .badImage, .unsafePath, .unsafePath, .badImage, .unsafePath])
        #expect(data.counts == [.missingImage: 1, .badImage: 2, .unsafePath: 3])
        #expect(looked.withLock { $0 } == ["good.jpg", "bad.jpg"])
    }

    @Test func aFolderOrAPipeIsNoImage() throws {
        let set = try SmallSet()
        try set.folder.write([1], as: "folder/x")
        #expect(mkfifo(set.folder.path + "/pipe", 0o600) == 0)
        let file = try set.file(images: ["folder", "pipe"])
        #expect { try DataValidation(rules: .init(images: set.images), skipsBad: true).run(files: [file]) } throws: { error in
            (error as? DataRefusal)?.problems.map(\.kind) == [.missingImage, .missingImage]
        }
    }

    @Test func unknownLabelsAndMissingAnswerTypesAreNamed() throws {
        let set = try SmallSet()
        let odd = try set.file(images: ["x.jpg"], modality: "\"PET\"")
        #expect { try DataValidation(rules: .init(modalities: ["CT", "MRI"])).run(files: [odd]) } throws: {
            "\($0)".contains("'PET' is unknown; known are CT, MRI")
        }
        let untyped = try set.file("b.json", images: ["x.jpg"], answerType: "null")
        #expect(throws: Never.self) { try DataValidation(rules: .init()).run(files: [untyped]) }
        #expect { try DataValidation(rules: .init(needsAnswerType: true)).run(files: [untyped]) } throws: { "\($0)".contains("'answer_type'") }
    }

    @Test func answersLongerThanTheContextAreNamedWithBothNumbers() throws {
        let set = try SmallSet()
        let file = try set.file(images: ["x.jpg", "y.jpg"])
        let rules = DataRules(length: .init(limit: 8) { $0.image == "y.jpg" ? 9 : 8 })
        let data = try DataValidation(rules: rules, skipsBad: true).run(files: [file])
        let problem = try #require(data.problems.first)
        #expect(data.problems.map(\.kind) == [.tooLong] && problem.entry == 1)
        #expect("\(problem)".contains("9 tokens") && "\(problem)".contains("is 8"))
    }

    @Test func nothingStartsWithBadDataUnlessToldTo() throws {
        let set = try SmallSet()
        let file = try set.file(images: (0..<12).map { "none\($0).jpg" } + ["x.jpg"])
        try set.folder.write([1], as: "x.jpg")
        #expect { try DataValidation(rules: .init(images: set.images)).run(files: [file]) } throws: { error in
            let text = "\(error)"
            return text.contains("12 problems in 13 entries") && text.contains("--skip-bad") && text.contains("none9.jpg")
                && !text.contains("none10.jpg") && text.contains("2 more")
        }
        #expect(try DataValidation(rules: .init(images: set.images), skipsBad: true).run(files: [file]).conversations.count == 1)
    }

    @Test func aFileThatIsNotThereOrHasNothingGoodIsNeverSkipped() throws {
        let set = try SmallSet()
        let good = try set.file(images: ["x.jpg"])
        let bad = try set.file("bad.json", images: ["../x.jpg"])
        let validation = DataValidation(rules: .init(images: nil), skipsBad: true)
        #expect { try validation.run(files: [good, set.folder.path + "/none.json"]) } throws: { "\($0)".contains("none.json") }
        try set.folder.write([1], as: "x.jpg")
        #expect { try DataValidation(rules: .init(images: set.images), skipsBad: true).run(files: [good, bad]) } throws: {
            "\($0)".contains("bad.json has no good entry")
        }
    }
}
