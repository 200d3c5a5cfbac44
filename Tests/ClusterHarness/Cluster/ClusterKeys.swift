/// Keys for one test's cluster: one pair for whoever listens, one for whoever dials.
package struct ClusterKeys: Sendable {
    /// Options for coordinators.
    package let listening: [String]
    /// Options for workers and clients.
    package let dialling: [String]

    /// Makes them, in the folder of the program's files.
    package init(_ program: Program) async throws {
        let folder = program.folder.path
        for name in ["front", "back"] {
            let outcome = try await program.run(["keys", "new", name, "--out", folder])
            guard outcome.succeeded else { throw HarnessError("\(outcome)") }
        }
        listening = ["--key", "\(folder)/front.key", "--authorized-keys", "\(folder)/back.pub"]
        dialling = ["--key", "\(folder)/back.key", "--authorized-keys", "\(folder)/front.pub"]
    }
}
