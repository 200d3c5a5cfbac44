import Testing

@testable import Language

@Suite struct PromptTests {
    private let system =
        "A chat between a curious user and an artificial intelligence assistant. "
        + "The assistant gives helpful, detailed, and polite answers to the user's questions."

    @Test(arguments: [ConversationTemplate.phi, .stablelm])
    func oneQuestionAboutOneImage(template: ConversationTemplate) throws {
        let pieces = try template.prompt(for: [ConversationTurn(.user, "What is this?")], imageCount: 1)
        #expect(pieces == [.text(system + " USER: "), .image(0), .text("\nWhat is this? ASSISTANT:")])
    }

    @Test func severalTurnsEndAnswersWithTheEndToken() throws {
        let turns = [
            ConversationTurn(.user, "<image>\nA?"), ConversationTurn(.assistant, "Yes"), ConversationTurn(.user, "B?"),
            ConversationTurn(.assistant, ""), ConversationTurn(.user, "C?"),
        ]
        #expect(
            try ConversationTemplate.phi.text(for: turns, imageCount: 1)
                == system + " USER: <image>\nA? ASSISTANT: Yes<|endoftext|>USER: B? ASSISTANT:USER: C? ASSISTANT:")
    }

    @Test func imagesStandWhereTheTextSaysSo() throws {
        let turns = [
            ConversationTurn(.user, "Compare <image> with"), ConversationTurn(.assistant, "what?"), ConversationTurn(.user, "<image><image>."),
        ]
        let pieces = try ConversationTemplate.stablelm.prompt(for: turns, imageCount: 3)
        #expect(
            pieces == [
                .text(system + " USER: Compare "), .image(0), .text(" with ASSISTANT: what?<|endoftext|>USER: "), .image(1), .image(2),
                .text(". ASSISTANT:"),
            ])
    }

    @Test func imagesWithoutAPlaceComeFirst() throws {
        let turns = [ConversationTurn(.user, "Both?"), ConversationTurn(.assistant, "Yes"), ConversationTurn(.user, "Sure?")]
        #expect(try ConversationTemplate.phi.text(for: turns, imageCount: 2).contains("USER: <image>\n<image>\nBoth? ASSISTANT: Yes"))
        #expect(!(try ConversationTemplate.phi.text(for: turns, imageCount: 0)).contains("<image>"))
    }

    @Test func thePlainTemplateHasNothingAroundTheText() throws {
        let plain = ConversationTemplate.plain
        #expect(try plain.prompt(for: [ConversationTurn(.user, "")], imageCount: 1) == [.image(0)])
        #expect(try plain.prompt(for: [ConversationTurn(.user, "<image>")], imageCount: 1) == [.image(0)])
        let turns = [ConversationTurn(.user, "<image>"), ConversationTurn(.assistant, "A lung."), ConversationTurn(.user, "<image>")]
        #expect(try plain.prompt(for: turns, imageCount: 2) == [.image(0), .text("A lung.\n"), .image(1)])
        #expect(throws: PromptError.emptyQuestion(turn: 0)) { try plain.prompt(for: [ConversationTurn(.user, " ")], imageCount: 0) }
    }

    @Test func badConversationsAreRefused() {
        func error(_ turns: [ConversationTurn], images: Int = 0) -> PromptError? {
            do {
                _ = try ConversationTemplate.phi.prompt(for: turns, imageCount: images)
                return nil
            } catch { return error }
        }
        let question = ConversationTurn(.user, "What?")
        let answer = ConversationTurn(.assistant, "This.")
        #expect(error([]) == .noTurns)
        #expect(error([answer]) == .unexpectedRole(turn: 0, found: .assistant, expected: .user))
        #expect(error([question, question]) == .unexpectedRole(turn: 1, found: .user, expected: .assistant))
        #expect(error([question, answer]) == .lastTurnNotByUser)
        #expect(error([ConversationTurn(.user, " \n\u{3000}")]) == .emptyQuestion(turn: 0))
        #expect(error([ConversationTurn(.user, "<image> \n<image>")], images: 2) == .emptyQuestion(turn: 0))
        #expect(error([question, answer, ConversationTurn(.user, "")]) == .emptyQuestion(turn: 2))
        #expect(error([ConversationTurn(.user, "<image>\nWhat?")]) == .imageCountMismatch(places: 1, images: 0))
        #expect(error([ConversationTurn(.user, "<image>\nWhat?")], images: 2) == .imageCountMismatch(places: 1, images: 2))
        #expect(error([question, ConversationTurn(.assistant, "<image>"), question]) == .imagePlaceInAnswer(turn: 1))
        #expect("\(PromptError.imageCountMismatch(places: 1, images: 2))".contains("1 <image> but 2 images"))
    }

    @Test func aWholePromptIsSplitAtItsImages() throws {
        #expect(try ImagePlaces.pieces(ofPrompt: "<image>a<image>", imageCount: 2) == [.image(0), .text("a"), .image(1)])
        #expect(try ImagePlaces.pieces(ofPrompt: "", imageCount: 0) == [])
        #expect(throws: PromptError.imageCountMismatch(places: 0, images: 1)) { try ImagePlaces.pieces(ofPrompt: "a", imageCount: 1) }
        // A combining mark after the mark of an image makes one character of both, but not one byte string.
        #expect(try ImagePlaces.pieces(ofPrompt: "<image>\u{301}", imageCount: 1) == [.image(0), .text("\u{301}")])
        #expect(try ImagePlaces.pieces(ofPrompt: "<imag<image>e>", imageCount: 1) == [.text("<imag"), .image(0), .text("e>")])
    }
}
