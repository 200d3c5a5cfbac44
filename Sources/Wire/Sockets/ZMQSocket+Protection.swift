import CZeroMQ

extension ZMQSocket {
    /// libzmq knows this option at run time, but names it only in the header of its draft interface: a listener without somebody
    /// who decides about keys lets nobody in.
    private static let enforceDomain: Int32 = 93

    /// Sets our keys.
    func protect(_ protection: LinkSecurity.Protection) throws(SocketError) {
        switch protection {
        case .plaintext: break
        case .server(let pair):
            try set(ZMQ_CURVE_SERVER, 1)
            try set(ZMQ_CURVE_SECRETKEY, pair.secret)
        case .client(let pair, let server):
            try set(ZMQ_CURVE_PUBLICKEY, pair.identity.publicKey.bytes, of: "the public key")
            try set(ZMQ_CURVE_SECRETKEY, pair.secret)
            try set(ZMQ_CURVE_SERVERKEY, server.publicKey.bytes, of: "the server's key")
        }
    }

    /// Lets only those in whom the authenticator of this context knows in this role.
    func admitOnly(_ role: KeyRole) throws(SocketError) {
        try set(ZMQ_ZAP_DOMAIN, Array(role.rawValue.utf8), of: "the domain")
        try set(Self.enforceDomain, 1)
    }

    private func set(_ option: Int32, _ secret: SecretKey) throws(SocketError) {
        let status = secret.withUnsafeBytes { zmq_setsockopt(handle, option, $0.baseAddress, $0.count) }
        try check(status, "set the secret key of", "a socket")
    }
}
