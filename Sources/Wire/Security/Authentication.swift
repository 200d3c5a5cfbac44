/// ZAP (ZeroMQ RFC 27): libzmq asks whether a key may in, and this answers.
///
/// A pure function: frames in, frames out.
enum Authentication {
    /// Who was turned away, and why.
    struct Denial: Sendable, Hashable {
        enum Reason: Sendable, Hashable {
            /// Not on the list.
            case unknown
            /// On the list, for something else.
            case role(name: String, KeyRole)
            /// Not with a CURVE key, or at a port that does not exist.
            case mechanism(String)
        }

        let role: KeyRole?
        let address: String
        let key: PublicKey?
        let reason: Reason
    }

    /// The name under which messages carry the key of their sender, in hexadecimal digits.
    static let keyProperty = "Key"

    /// Answers one request.
    ///
    /// - Parameter request: frames, without the envelope of the socket: version, request id, domain, address, identity,
    ///   mechanism, credentials.
    /// - Returns: no reply to what is no request of version 1.0.
    static func reply(to request: [[UInt8]], keys: AuthorizedKeys?) -> (reply: [[UInt8]]?, denial: Denial?) {
        guard request.count >= 6, request[0] == Array("1.0".utf8) else { return (nil, nil) }
        let told = String(decoding: request[3].prefix(64), as: UTF8.self)
        // An IPv4 peer of a socket that listens for both.
        let address = told.hasPrefix("::ffff:") ? String(told.dropFirst(7)) : told
        let mechanism = String(decoding: request[5].prefix(32), as: UTF8.self)
        let role = KeyRole(rawValue: String(decoding: request[2].prefix(32), as: UTF8.self))
        func deny(_ key: PublicKey?, _ reason: Denial.Reason) -> ([[UInt8]], Denial) {
            let frames = [request[0], request[1], Array("400".utf8), Array("not authorised".utf8), [], []]
            return (frames, Denial(role: role, address: address, key: key, reason: reason))
        }
        guard mechanism == "CURVE", request.count == 7, let key = PublicKey(bytes: request[6]), let role, let keys else {
            return deny(nil, .mechanism(mechanism))
        }
        guard let known = keys[key] else { return deny(key, .unknown) }
        guard known.permits(role) else { return deny(key, .role(name: known.name, known.role ?? role)) }
        let frames = [
            request[0], request[1], Array("200".utf8), Array("OK".utf8), Array(known.name.utf8), property(keyProperty, key.hexadecimalDigits),
        ]
        return (frames, nil)
    }

    /// One entry of ZMTP metadata: length and name, length (u32, big-endian) and value.
    private static func property(_ name: String, _ value: String) -> [UInt8] {
        let length = UInt32(value.utf8.count)
        return [UInt8(name.utf8.count)] + Array(name.utf8) + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + Array(value.utf8)
    }
}

extension Authentication.Denial: CustomStringConvertible {
    var description: String {
        let who = key.map { "key \($0.hexadecimalDigits)" } ?? "a peer without a key"
        return switch reason {
        case .unknown: "\(who) at \(address) is not authorised"
        case .role(let name, let its): "key '\(name)' at \(address) is a \(its)'s and may not be used as a \(role?.rawValue ?? "peer")'s"
        case .mechanism(let mechanism): "\(who) at \(address) came with mechanism '\(mechanism)'"
        }
    }
}
