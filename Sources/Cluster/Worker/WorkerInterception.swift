import Wire

/// Lets a test stand between a worker and its connections, to build workers that misbehave.
///
/// Both closures run on the I/O thread: they must not block, unless blocking is what is to be tested.
package struct WorkerInterception: Sendable {
    /// Sees each readable message before the machine does; nil loses it.
    package var received: @Sendable (CoordinatorMessage) -> CoordinatorMessage?
    /// What goes on the wire instead of a message: nothing, something else, or several.
    package var sending: @Sendable (WorkerMessage) -> [WorkerMessage]

    package init(
        received: @escaping @Sendable (CoordinatorMessage) -> CoordinatorMessage? = { $0 },
        sending: @escaping @Sendable (WorkerMessage) -> [WorkerMessage] = { [$0] }
    ) {
        self.received = received
        self.sending = sending
    }
}
