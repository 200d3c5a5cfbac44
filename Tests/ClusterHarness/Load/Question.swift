import Foundation
import MedMoE

/// A question of a load. Equal questions get equal answers, whatever happens to the cluster.
package struct Question: Sendable {
    package let text: String
    package let images: [[UInt8]]
    package let seed: UInt64
    package let tokens: Int

    package init(text: String, images: [[UInt8]], seed: UInt64, tokens: Int) {
        self.text = text
        self.images = images
        self.seed = seed
        self.tokens = tokens
    }

    /// At this temperature every token is a draw among many: a logit that differs a little gives another answer.
    package func request(id: String, deadline: Duration) -> AnswerRequest {
        AnswerRequest(
            id: id, task: .conversation([.init(.user, text)]), images: images, sampling: .init(temperature: 8, seed: seed),
            maximumTokens: tokens, deadlineMilliseconds: Int(deadline / .milliseconds(1)))
    }

    /// Questions about the bundled images and about none, with answers of different lengths.
    ///
    /// - Parameter tokens: of the longest answer
    package static func mixture(_ count: Int, tokens: Int) throws -> [Question] {
        let images = try [Checkout.chest, Checkout.brain, Checkout.bowel].map { [UInt8](try Data(contentsOf: URL(filePath: $0))) }
        return (0..<count).map { number in
            Question(
                text: "What is number \(number)?", images: number % 4 == 3 ? [] : [images[number % 3]], seed: UInt64(number),
                tokens: number % 2 == 0 ? tokens : max(1, tokens / 2))
        }
    }
}
