import MedMoE
import Wire

extension CoordinatorEndpoint.Configuration {
    /// The network side of a model: workers must hold its experts, with the digests that its checkpoint says.
    public init(model: MedMoEModel, listen: [Endpoint], serve: [Endpoint] = []) {
        let layers = model.configuration.mixture?.layers ?? []
        self.init(
            listen: listen, serve: serve, width: model.configuration.hiddenSize, required: model.requiredExperts,
            digests: model.fingerprints.expertDigests(model.requiredExperts),
            metaDigests: model.fingerprints.metaDigests(layers: layers))
        domains = model.configuration.mixture?.domains ?? []
        modelDigest = model.digest
    }
}

extension CoordinatorEndpoint {
    /// Where this user's coordinator serves clients on this machine when nothing else is said: a socket in a private folder.
    ///
    /// - Throws: `SocketError` when there can be no such folder, or it is not private.
    public static func standardClientEndpoint() throws -> Endpoint {
        try PrivateFolder.standard().endpoint("coordinator")
    }
}
