/// A question whose answer is long, so that there is a middle in which something can happen.
///
/// At this temperature every token is a draw among many: a logit that differs a little gives another answer.
package enum LongAnswer {
    package static let model = Checkout.bundledModel
    package static let tokens = 350

    package static let question = [
        "--max-tokens", "\(tokens)", "--temperature", "8", "--seed", "4", "--image", Checkout.chest, "What is this?",
    ]

    /// The same with few tokens.
    package static let briefly = ["--max-tokens", "3"] + question.dropFirst(2)
}
