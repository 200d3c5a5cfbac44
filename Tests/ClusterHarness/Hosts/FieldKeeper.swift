import Synchronization

/// What a field of hosts is made of, and who removes it.
final class FieldKeeper: Sendable {
    private struct State {
        var isOpen = true
        var relays: [RelayProcess] = []
        var groups: [ControlGroup] = []
    }

    let owner: OwnerTag
    private let janitor: Janitor
    private let state = Mutex(State())

    init() throws {
        owner = OwnerTag()
        janitor = try Janitor(for: owner)
    }

    deinit { close() }

    func keep(_ relay: RelayProcess) {
        state.withLock { $0.relays.append(relay) }
        removeAlso(relay.folder)
    }

    func keep(_ group: ControlGroup) { state.withLock { $0.groups.append(group) } }

    func removeAlso(_ folder: TemporaryFolder) { janitor.removeAlso(folder.path) }

    /// Kills what runs on the hosts and removes them.
    func close() {
        let left = state.withLock { state -> State? in
            guard state.isOpen else { return nil }
            defer { state = State(isOpen: false) }
            return state
        }
        guard let left else { return }
        left.relays.forEach { $0.stop() }
        // What cannot be removed now the janitor tries again.
        try? Leftovers.remove(of: owner)
        janitor.dismiss()
    }
}
