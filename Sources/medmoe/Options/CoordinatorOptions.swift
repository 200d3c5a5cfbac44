import ArgumentParser
import Cluster
import Wire

/// Which running coordinator a command talks to, as a client.
struct CoordinatorOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A running coordinator's client address, tcp://[KEY@]HOST:PORT or ipc://PATH. Default: the one of this user on this machine.", valueName: "address"))
    var coordinator: String?

    @OptionGroup var link: LinkOptions

    /// - Throws: `SocketError` when the address is impossible, `SecurityError` when the link would not be safe.
    func connect() async throws -> CoordinatorClient {
        let endpoint = try coordinator.map { try Endpoint($0, for: .connect) } ?? CoordinatorEndpoint.standardClientEndpoint()
        return try await CoordinatorClient.connect(to: endpoint, security: link.security(as: .client))
    }

    /// Connects, runs `body`, and closes the connection whatever happens.
    func withClient<R>(_ body: (CoordinatorClient) async throws -> R) async throws -> R {
        let client = try await connect()
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }
}
