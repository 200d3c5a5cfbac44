import Testing

@testable import Datasets

/// One entry as text: parts of it can be replaced.
private func entry(
    id: String = #""a""#, image: String? = #""x.jpg""#, human: String = #""<image>\nWhat?""#, gpt: String = #""CT""#, more: String = ""
) -> String {
    "{\"id\": \(id)" + (image.map { ", \"image\": \($0)" } ?? "")
        + ", \"conversations\": [{\"from\": \"human\", \"value\": \(human)}, {\"from\": \"gpt\", \"value\": \(gpt)}]\(more)}"
}

private func read(_ text: String, textOnly: Bool = false) -> ConversationFile {
    ConversationFile(bytes: Array(text.utf8), path: "set.json", allowsTextOnly: textOnly)
}

@Suite struct ConversationFileTests {
    @Test func anEntryIsReadWithItsLabelsAndWithoutItsMarker() throws {
        let labels = #", "answer_type": "CLOSED", "modality": "MRI", "organ": null, "question_type": "Plane""#
        let file = read("[\(entry(id: "7", human: #""<image>\n  Is it axial? ""#, gpt: #"" Yes""#, more: labels))]")
        #expect(file.problems.isEmpty)
        #expect(file.conversations == [
            Conversation(
                id: "7", image: "x.jpg", turns: [.init(question: "Is it axial?", answer: " Yes")], answerType: .closed, modality: "MRI",
                questionType: "Plane", entry: 0)
        ])
    }

    @Test func theMarkerMayStandBehindTheQuestionAndBesideACombiningMark() {
        #expect(read("[\(entry(human: #""What?\n<image>""#))]").conversations.first?.turns.first?.question == "What?")
        #expect(read("[\(entry(human: #""<image>\u0301 a?""#))]").problems.isEmpty)
    }

    @Test func severalTurnsAreKeptInOrder() {
        let text = """
            [{"id": "a", "image": "x.jpg", "conversations": [
              {"from": "human", "value": "<image>\\nFirst?"}, {"from": "gpt", "value": "1"},
              {"from": "human", "value": "Second?"}, {"from": "gpt", "value": "2"}]}]
            """
        #expect(read(text).conversations.first?.turns == [.init(question: "First?", answer: "1"), .init(question: "Second?", answer: "2")])
    }

    @Test func linesOfEntriesAreReadLikeAnArray() {
        let lines = read(entry() + "\n\n" + entry(id: #""b""#) + "\r\n")
        #expect(lines.problems.isEmpty)
        #expect(lines.conversations.map(\.id) == ["a", "b"])
        #expect(lines.conversations.map(\.entry) == [0, 1])
    }

    @Test("Answers that are numbers or truth values become text as Python's str writes them", arguments: [
        ("2", "2"), ("-0", "0"), ("123456789012345678901234567890", "123456789012345678901234567890"), ("2.50", "2.5"), ("1e3", "1000.0"),
        ("-0.0", "-0.0"), ("1e16", "1e+16"), ("12345678901234568.0", "1.2345678901234568e+16"), ("-1e22", "-1e+22"), ("0.00001", "1e-05"),
        ("9999999999999998.0", "9999999999999998.0"), ("-9007199254740993.0", "-9007199254740992.0"), ("1.5e17", "1.5e+17"), ("true", "True"), ("false", "False"),
    ])
    func answersBecomeText(json: String, text: String) {
        #expect(read("[\(entry(gpt: json))]").conversations.first?.turns.first?.answer == text)
    }

    @Test("What is wrong with an entry is named by its kind and place", arguments: [
        (entry(human: #""What?""#), DataProblem.Kind.markerMissing), (entry(human: #""<image><image> What?""#), .markerRepeated),
        (entry(gpt: #""<image>""#), .markerRepeated), (entry(human: #""What?""#, gpt: #""<image>""#), .markerMisplaced),
        (entry(image: nil), .markerMisplaced), (entry(image: nil, human: #""What?""#), .mixedLayout),
        (entry(human: #""<image> ""#), .emptyText), (entry(gpt: #"" \n""#), .emptyText), (entry(image: #""""#), .emptyText),
        (entry(gpt: "null"), .wrongType), (entry(gpt: "1e999"), .wrongType), (entry(human: "3"), .wrongType), (entry(image: "[1, 2]"), .wrongType),
        (entry(more: #", "modality": 3"#), .wrongType), ("3", .wrongType), ("[]", .wrongType),
        (entry(more: #", "answer_type": "MAYBE""#), .unknownLabel),
        (#"{"image": "x.jpg", "question": "What?", "answer": "CT"}"#, .mixedLayout), (#"{"image": "x.jpg"}"#, .missingField),
        (#"{"image": "x.jpg", "conversations": []}"#, .wrongTurns),
        (#"{"image": "x.jpg", "conversations": [{"from": "human", "value": "<image> What?"}]}"#, .wrongTurns),
        (#"{"image": "x.jpg", "conversations": [{"from": "gpt", "value": "a"}, {"from": "human", "value": "<image> b"}]}"#, .wrongTurns),
        (#"{"image": "x.jpg", "conversations": [{"from": "human", "value": "<image> a"}, {"from": "human", "value": "b"}]}"#, .wrongTurns),
        (#"{"image": "x.jpg", "conversations": [{"from": "human"}, {"from": "gpt", "value": "b"}]}"#, .missingField),
        (#"{"image": "x.jpg", "conversations": [{"value": "<image> a"}, {"from": "gpt", "value": "b"}]}"#, .missingField),
        (#"{"image": "x.jpg", "conversations": [1, 2]}"#, .wrongType), (#"{"image": "x.jpg", "conversations": {}}"#, .wrongType),
    ])
    func problemsAreNamed(bad: String, kind: DataProblem.Kind) throws {
        let file = read("[\(entry()), \(bad), \(entry(id: #""c""#))]")
        #expect(file.conversations.map(\.id) == ["a", "c"])
        let problem = try #require(file.problems.first)
        #expect(file.problems.count == 1)
        #expect(problem.kind == kind, "\(problem)")
        #expect(problem.entry == 1 && "\(problem)".hasPrefix("set.json, entry 1"))
        #expect(!problem.advice.isEmpty)
    }

    @Test func textAloneIsWelcomeWhereItIsAskedFor() {
        let text = "[\(entry()), \(entry(image: "null", human: #""What?""#))]"
        #expect(read(text).problems.map(\.kind) == [.mixedLayout])
        #expect(read(text, textOnly: true).conversations.map(\.image) == ["x.jpg", nil])
        #expect(read("[\(entry(image: nil, human: #""What?""#))]").problems.map(\.kind) == [.missingField])
    }

    @Test func brokenJSONIsNamedByLineAndByteAndLosesOnlyWhatFollows() throws {
        let file = read("[\(entry()),\n\(entry(id: #""b""#)),\n{\"id\": ]")
        #expect(file.conversations.map(\.id) == ["a", "b"])
        let problem = try #require(file.problems.first)
        #expect(problem.kind == .brokenJSON && problem.entry == 2)
        #expect("\(problem)".contains("line 3, at byte \(2 * entry().utf8.count + 12)"))
        let lines = read("\(entry())\n{\"id\": ]\n\(entry(id: #""c""#))")
        #expect(lines.conversations.map(\.entry) == [0, 2])
        #expect("\(lines.problems)".contains("line 2, at byte \(entry().utf8.count + 8)"))
    }

    @Test func hostileTextIsAProblemAndNothingMore() {
        for (text, kind) in [
            ("", DataProblem.Kind.emptyFile), ("[]", .emptyFile), ("\"x\"", .brokenJSON), (String(repeating: "[", count: 100_000), .brokenJSON),
            ("[" + entry(), .brokenJSON), ("[\(entry())] x", .brokenJSON), ("[{\"id\": 1, \"id\": 2}]", .brokenJSON), ("[\"\\ud800\"]", .brokenJSON),
        ] {
            #expect(read(text).problems.map(\.kind) == [kind], "\(text.prefix(20))")
        }
    }

    @Test func fileThatCannotBeReadIsAProblem() throws {
        let folder = try TemporaryFolder()
        for path in [folder.path + "/none.json", folder.path] {
            let file = ConversationFile.read(path)
            #expect(file.problems.map(\.kind) == [.unreadableFile] && file.problems.first?.entry == nil)
            #expect("\(file.problems)".contains(path))
        }
    }

    @Test func controlCharactersOfAnIdDoNotReachAMessage() {
        let file = read("[\(entry(id: #""\u001b[31m""#, gpt: "null"))]")
        #expect(!"\(file.problems)".contains("\u{1B}"))
    }
}
