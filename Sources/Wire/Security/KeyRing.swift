/// The authorised keys as the file says now. Lives on the I/O thread.
final class KeyRing {
    /// What looking at the file came to.
    enum Change: Sendable, Hashable {
        /// These names are not authorised any more, or for something else.
        case read(count: Int, removed: [String])
        /// The file cannot be used; the keys of before stay.
        case failed(SecurityError)
    }

    private(set) var file: AuthorizedKeysFile
    /// The state of the file that could not be read; not tried again until it changes.
    private var failed: SmallFile.Stamp?
    private var isMissing = false
    private var looked = ContinuousClock.now
    /// Between two looks for a message's sake.
    private static let pause: Duration = .milliseconds(500)

    var keys: AuthorizedKeys { file.keys }

    init(_ file: AuthorizedKeysFile) { self.file = file }

    /// Reads the file again if it changed and nobody looked lately.
    func refresh(now: ContinuousClock.Instant) -> Change? {
        guard looked + Self.pause <= now else { return nil }
        return refresh()
    }

    /// Reads the file again if it changed.
    func refresh() -> Change? {
        looked = .now
        guard let stamp = SmallFile.Stamp(path: file.path) else {
            guard !isMissing else { return nil }
            isMissing = true
            return .failed(.malformed(path: file.path, line: nil, reason: "it is gone; the keys that it had stay authorised until it is back"))
        }
        guard stamp != file.stamp || isMissing, stamp != failed else { return nil }
        isMissing = false
        do throws(SecurityError) {
            let fresh = try AuthorizedKeysFile(path: file.path)
            failed = nil
            let removed = file.keys.keys.filter { fresh.keys[$0.publicKey] != $0 }.map(\.name)
            file = fresh
            return .read(count: fresh.keys.keys.count, removed: removed)
        } catch {
            failed = stamp
            return .failed(error)
        }
    }
}
