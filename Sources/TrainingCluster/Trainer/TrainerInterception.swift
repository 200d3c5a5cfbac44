import Wire

/// Lets a test stand between a trainer and its connection: messages can be lost, changed and repeated.
///
/// Both closures run on the I/O thread.
package struct TrainerInterception: Sendable {
    /// What the trainer hears instead of a message: nothing, something else, or several.
    package var received: @Sendable (MessageToTrainer) -> [MessageToTrainer]
    /// What goes on the wire instead of a message.
    package var sending: @Sendable (TrainerMessage) -> [TrainerMessage]

    package init(
        received: @escaping @Sendable (MessageToTrainer) -> [MessageToTrainer] = { [$0] },
        sending: @escaping @Sendable (TrainerMessage) -> [TrainerMessage] = { [$0] }
    ) {
        self.received = received
        self.sending = sending
    }
}
