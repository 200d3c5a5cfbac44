import ClusterHarness
import Foundation

/// A host that looks like a machine of its own to the commands on it: a home folder, a server for ssh, keys, a PATH with the
/// program.
struct Node {
    let host: TestHost
    let home: String
    private let program: Program
    /// Folders in the user's home that must stay visible: the checkout, the program, the libraries that it loads.
    private let kept: [String]
    private static let userHome = NSHomeDirectoryForUser(NSUserName()) ?? "/root"

    init(_ host: TestHost, _ program: Program, binaries: String) throws {
        self.host = host
        home = program.folder.appending(host.name)
        try FileManager.default.createDirectory(atPath: home + "/.ssh", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: home)
        let runtime = home + ".run"
        try FileManager.default.createDirectory(atPath: runtime, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        self.program = Program(sharing: program, [
            "HOME": Node.userHome, "PATH": "\(binaries):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR": runtime,
        ]).on(host)
        kept = ([Checkout.root.path, binaries] + Node.libraryFolders()).filter { $0.hasPrefix(Node.userHome + "/") }
    }

    /// Starts a shell command in the home folder, which stands at the place of the user's home.
    func start(_ line: String) throws -> RunningProgram {
        var steps = ["set -e"]
        for (index, folder) in kept.enumerated() { steps.append("mkdir -p \(home).kept/\(index); mount --rbind '\(folder)' \(home).kept/\(index)") }
        steps.append("mount --bind \(home) \(Node.userHome)")
        for (index, folder) in kept.enumerated() { steps.append("mkdir -p '\(folder)'; mount --rbind \(home).kept/\(index) '\(folder)'") }
        steps.append("cd; exec /bin/sh -c \"$1\"")
        // In the mount namespace that `ip netns exec` makes: nothing of this is seen outside.
        return try program.startCommand(["/bin/sh", "-c", steps.joined(separator: "\n"), "sh", line])
    }

    /// Where the libraries lie that this process has loaded.
    private static func libraryFolders() -> [String] {
        let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        let files = maps.split(separator: "\n").compactMap { line in line.firstIndex(of: "/").map { String(line[$0...]) } }
        return Set(files.filter { $0.contains(".so") }.map { URL(filePath: $0).deletingLastPathComponent().path }).sorted()
    }
}

/// ssh between nodes: keys, who knows whom, and a server on each.
enum SecureShell {
    /// Writes what ssh, scp and sshd read, and starts the servers.
    ///
    /// - Returns: the servers
    static func start(on nodes: [Node]) async throws -> [RunningProgram] {
        // The privilege separation of sshd wants it.
        try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        for node in nodes {
            try FileManager.default.createDirectory(atPath: settings(node), withIntermediateDirectories: true)
            try makeKey(settings(node) + "/ssh_host_ed25519_key", of: node)
            try makeKey(node.home + "/.ssh/id_ed25519", of: node)
        }
        let known = try nodes.map { "\($0.host.name),\($0.host.address) " + (try text(settings($0) + "/ssh_host_ed25519_key.pub")) }.joined()
        let authorized = try nodes.map { try text($0.home + "/.ssh/id_ed25519.pub") }.joined()
        for node in nodes {
            try write(known, settings(node) + "/ssh_known_hosts")
            try write("Host *\n  StrictHostKeyChecking yes\n  BatchMode yes\n", settings(node) + "/ssh_config")
            try write(
                """
                HostKey /etc/ssh/ssh_host_ed25519_key
                ListenAddress \(node.host.address)
                PidFile none
                UsePAM no
                PasswordAuthentication no
                PermitRootLogin prohibit-password
                AuthorizedKeysFile .ssh/authorized_keys
                Subsystem sftp internal-sftp

                """, settings(node) + "/sshd_config")
            try write(authorized, node.home + "/.ssh/authorized_keys")
        }
        let servers = try nodes.map { try $0.start("exec /usr/sbin/sshd -D -e -f /etc/ssh/sshd_config") }
        for (node, server) in zip(nodes, servers) {
            try await eventually(within: .seconds(10), "the ssh server of \(node.host.name) listens") {
                if let end = server.end { throw HarnessError("sshd on \(node.host.name) \(end): \(server.errors)") }
                return server.errors.contains("Server listening")
            }
        }
        return servers
    }

    /// In place of /etc/ssh in the node's namespace.
    private static func settings(_ node: Node) -> String { "/etc/netns/\(node.host.namespace)/ssh" }

    private static func makeKey(_ path: String, of node: Node) throws {
        try node.host.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", node.host.name, "-f", path])
    }

    private static func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    private static func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }
}
