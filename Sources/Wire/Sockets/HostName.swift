#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Names of hosts to listen at. libzmq resolves names when it dials, but when it listens it knows only addresses and devices.
enum HostName {
    /// The addresses of a name, in the order in which the system wants them tried; the text itself when it is an address, a
    /// wildcard, a device, or no name that the system knows.
    ///
    /// IPv6 addresses are in brackets, as libzmq wants them. Asks the system, which may ask the network.
    static func addresses(_ host: String) -> [String] {
        guard host != "*", !host.hasPrefix("["), if_nametoindex(host) == 0 else { return [host] }
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0, let list else { return [host] }
        defer { freeaddrinfo(list) }
        var addresses: [String] = []
        var next: UnsafeMutablePointer<addrinfo>? = list
        while let entry = next {
            var text = [CChar](repeating: 0, count: 256)
            if getnameinfo(entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
                let numbers = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                addresses.append(entry.pointee.ai_family == AF_INET6 ? "[\(numbers)]" : numbers)
            }
            next = entry.pointee.ai_next
        }
        return addresses.isEmpty ? [host] : addresses
    }
}
