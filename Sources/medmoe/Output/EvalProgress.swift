import Synchronization

/// A progress bar that several tasks advance.
final class SharedProgress: Sendable {
    private let bar: Mutex<ProgressBar>

    init(_ label: String, total: Int) { bar = Mutex(ProgressBar(label, total: total)) }

    func advance() { bar.withLock { $0.advance() } }
}
