import Foundation

/// Keys for the links of a cluster whose processes are on different hosts: one for all coordinators, one for all workers, one for
/// clients.
package struct LinkKeys: Sendable {
    private let folder: TemporaryFolder

    /// Options of `medmoe coordinator`.
    package var coordinator: [String] { options("coordinator", "others.pub") }
    /// Options of `medmoe worker`.
    package var worker: [String] { options("worker", "coordinator.pub") }
    /// Options of whoever asks from another host.
    package var client: [String] { options("client", "coordinator.pub") }

    /// The keys in the folder of a program; made when there are none yet.
    static func of(_ program: Program) async throws -> LinkKeys {
        let keys = LinkKeys(folder: program.folder)
        guard !FileManager.default.fileExists(atPath: program.folder.appending("others.pub")) else { return keys }
        for role in ["coordinator", "worker", "client"] {
            let made = try await program.run(["keys", "new", role, "--role", role, "--out", program.folder.path])
            guard made.succeeded else { throw HarnessError("no key can be made: \(made)") }
        }
        let others = try ["worker", "client"].map { try String(contentsOfFile: program.folder.appending("\($0).pub"), encoding: .utf8) }
        try program.folder.write("others.pub", others.joined())
        return keys
    }

    private func options(_ own: String, _ others: String) -> [String] {
        ["--key", folder.appending("\(own).key"), "--authorized-keys", folder.appending(others)]
    }
}
