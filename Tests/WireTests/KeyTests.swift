import Foundation
import Testing

@testable import Wire

/// A folder that goes with the test.
final class KeyFolder {
    let path: String

    init() throws {
        path = "/tmp/medmoe-keys-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws -> String {
        let file = "\(path)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        chmod(file, mode)
        return file
    }
}

@Suite struct KeyTests {
    private let folder: KeyFolder

    init() throws { folder = try KeyFolder() }

    @Test func aKeyIsReadAsItWasWritten() throws {
        let made = try KeyPair.generate(name: "anna.1", role: .worker)
        let paths = try made.write(to: folder.path)
        let read = try KeyPair(contentsOf: paths.secret)
        #expect(read.identity == made.identity)
        #expect(read.secret.withUnsafeBytes { Array($0) } == made.secret.withUnsafeBytes { Array($0) })
        var entry = stat()
        #expect(stat(paths.secret, &entry) == 0 && entry.st_mode & 0o777 == 0o600)
        let line = try String(contentsOfFile: paths.public, encoding: .utf8)
        #expect(line == made.identity.line + "\n")
        #expect(line.split(separator: " ").map(String.init) == ["medmoe-curve", made.identity.publicKey.hexadecimalDigits, "anna.1", "worker\n"])
        #expect(try AuthorizedKeys(parsing: Array(line.utf8), path: "x").keys == [made.identity])
        // Another key each time.
        #expect(try KeyPair.generate(name: "anna.1").identity.publicKey != made.identity.publicKey)
    }

    @Test func keysAreNeverOverwritten() throws {
        let first = try KeyPair.generate(name: "a")
        _ = try first.write(to: folder.path)
        let second = try KeyPair.generate(name: "a")
        #expect(throws: SecurityError.exists(folder.path + "/a.key")) { try second.write(to: folder.path) }
        // Nor half a pair.
        unlink(folder.path + "/a.key")
        #expect(throws: SecurityError.exists(folder.path + "/a.pub")) { try second.write(to: folder.path) }
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/a.key"))
    }

    @Test(arguments: ["", ".a", "-a", "a b", "a/b", "a@b", "ä", String(repeating: "x", count: 65)])
    func namesThatCannotBeMeantAreRefused(name: String) {
        #expect(throws: SecurityError.name(name)) { try KeyPair.generate(name: name) }
    }

    @Test(arguments: [mode_t(0o640), 0o604, 0o660, 0o777])
    func aSecretThatOthersMayReadIsRefusedWithTheCommandThatHelps(mode: mode_t) throws {
        let paths = try KeyPair.generate(name: "a").write(to: folder.path)
        chmod(paths.secret, mode)
        let error = #expect(throws: SecurityError.self) { try KeyPair(contentsOf: paths.secret) }
        #expect(error?.description.contains("chmod 600 \(paths.secret)") == true)
        chmod(paths.secret, 0o400)
        #expect(throws: Never.self) { try KeyPair(contentsOf: paths.secret) }
    }

    @Test func whatIsNoKeyFileIsRefused() throws {
        let good = try String(contentsOfFile: KeyPair.generate(name: "a").write(to: folder.path).secret, encoding: .utf8)
        let other = try KeyPair.generate(name: "b").identity.line
        let lines = good.split(separator: "\n").map(String.init)
        for (index, text) in ["", "\n", lines[0], lines[0].dropLast() + "\n" + lines[1], lines[0].dropLast() + "g\n" + lines[1],
            lines[0] + "\n" + other, good + "x\n", lines[1] + "\n" + lines[1], String(repeating: "x", count: 5000)].enumerated()
        {
            let file = try folder.write("bad\(index)", String(text))
            let error = #expect(throws: SecurityError.self, "\(index)") { try KeyPair(contentsOf: file) }
            #expect(error?.description.contains(file) == true)
            // Whatever is wrong, the secret is not shown.
            #expect(error?.description.contains(lines[0].suffix(64)) == false)
        }
        for path in [folder.path, "/dev/null", folder.path + "/none"] {
            #expect(throws: SecurityError.self) { try KeyPair(contentsOf: path) }
        }
    }

    @Test func aSecretIsNotShown() throws {
        let pair = try KeyPair.generate(name: "a")
        let digits = pair.secret.withUnsafeBytes { hexadecimal(Array($0)) }
        var dumped = ""
        dump(pair, to: &dumped)
        for text in ["\(pair)", "\(pair.secret)", String(reflecting: pair), dumped] {
            #expect(!text.contains(digits) && !text.contains(digits.prefix(16)))
        }
    }

    @Test func authorisedKeysMayHaveCommentsAndBlankLines() throws {
        let (a, b) = (try KeyPair.generate(name: "a").identity, try KeyPair.generate(name: "b", role: .client).identity)
        let text = "# ours\r\n\n  \(a.line)\r\n\t\n\(b.line) # Bücher, since May\n"
        #expect(try AuthorizedKeys(parsing: Array(text.utf8), path: "x").keys == [a, b])
        #expect(try AuthorizedKeys(parsing: [], path: "x").keys == [])
    }

    @Test func anErrorInAuthorisedKeysNamesFileAndLine() throws {
        let (a, b) = (try KeyPair.generate(name: "a").identity, try KeyPair.generate(name: "b").identity)
        let bad = [
            "ssh-ed25519 AAAA a": "medmoe-curve", "medmoe-curve 00 a": "64", "medmoe-curve": "words", a.line + " worker x": "words",
            a.line + " king": "king", a.line.replacingOccurrences(of: " a", with: " a/b"): "a/b", "\u{1}": "plain text",
            b.line: "line 1", "medmoe-curve \(a.publicKey.hexadecimalDigits) b": "line 1", "medmoe-curve-secret \(String(repeating: "0", count: 64))": "medmoe-curve",
        ]
        for (line, word) in bad {
            let text = "\(b.line)\n# x\n\(line)\n"
            let error = #expect(throws: SecurityError.self, "\(line)") { try AuthorizedKeys(parsing: Array(text.utf8), path: "/keys") }
            #expect(error?.description.contains("/keys, line 3") == true && error?.description.contains(word) == true, "\(String(describing: error))")
        }
        let sameKey = "\(a.line)\nmedmoe-curve \(a.publicKey.hexadecimalDigits) c\n"
        #expect(throws: SecurityError.twice(path: "x", line: 2, what: "key \(a.publicKey)", firstLine: 1)) {
            try AuthorizedKeys(parsing: Array(sameKey.utf8), path: "x")
        }
        #expect(throws: SecurityError.self) { try AuthorizedKeys(parsing: Array(repeating: 10, count: 1 << 20 + 1), path: "x") }
    }

    @Test func aFileOfAuthorisedKeysThatOthersMayWriteIsRefused() throws {
        let line = try KeyPair.generate(name: "a").identity.line
        let file = try folder.write("keys", line, mode: 0o664)
        let error = #expect(throws: SecurityError.self) { try AuthorizedKeysFile(path: file) }
        #expect(error?.description.contains("chmod go-w \(file)") == true)
        chmod(file, 0o644)
        #expect(try AuthorizedKeysFile(path: file).keys.keys.map(\.name) == ["a"])
    }

    @Test func aDiallerKnowsWhichKeyTheListenerMustHave() throws {
        let own = try KeyPair.generate(name: "own").identity
        let (free, first, second) = (
            try KeyPair.generate(name: "free").identity, try KeyPair.generate(name: "first", role: .coordinator).identity,
            try KeyPair.generate(name: "second", role: .coordinator).identity)
        let worker = try KeyPair.generate(name: "worker", role: .worker).identity
        func server(_ keys: [AuthorizedKey], _ name: String? = nil) throws -> String {
            let text = keys.map(\.line).joined(separator: "\n")
            return try AuthorizedKeys(parsing: Array(text.utf8), path: "/keys").server(named: name, at: "tcp://h:1", except: own.publicKey, path: "/keys").name
        }
        #expect(try server([free]) == "free")
        #expect(try server([worker, own, free]) == "free")
        // Who is said to be a coordinator goes before those that may do anything.
        #expect(try server([free, worker, first]) == "first")
        #expect(try server([first, second], "second") == "second")
        #expect(throws: SecurityError.server(endpoint: "tcp://h:1", path: "/keys", wanted: nil, known: ["first", "second"])) { try server([first, second]) }
        #expect(throws: SecurityError.server(endpoint: "tcp://h:1", path: "/keys", wanted: "worker", known: ["first", "second"])) { try server([first, second, worker], "worker") }
        let none = #expect(throws: SecurityError.self) { try server([worker]) }
        #expect(none?.description.contains("coordinator's .pub") == true)
    }

    @Test func withoutAKeyTCPIsForThisMachine() throws {
        let bare = LinkSecurity.plaintextOnThisMachine
        let insecure = try LinkSecurity(keyFile: nil, authorizedKeys: nil, insecure: true, as: .worker)
        for text in ["ipc:///tmp/x", "tcp://127.0.0.1:1", "tcp://127.8.9.1:1", "tcp://[::1]:1", "tcp://localhost:1"] {
            let endpoint = try Endpoint(text, for: .connect)
            #expect(try bare.protection(listeningAt: endpoint).isPlaintext && bare.protection(dialling: endpoint).isPlaintext)
            #expect(insecure.warning(about: [endpoint]) == nil)
        }
        for text in ["tcp://10.0.0.1:1", "tcp://127.0.0.1.example.org:1", "tcp://127.1:1", "tcp://[::]:1", "tcp://localhost.org:1", "tcp://0.0.0.0:1"] {
            let endpoint = try Endpoint(text, for: .connect)
            #expect(throws: SecurityError.plaintext(endpoint: text, listening: true)) { try bare.protection(listeningAt: endpoint) }
            let error = #expect(throws: SecurityError.self) { try bare.protection(dialling: endpoint) }
            #expect(error?.description.contains("medmoe keys new") == true)
            #expect(try insecure.protection(listeningAt: endpoint).isPlaintext && insecure.protection(dialling: endpoint).isPlaintext)
            #expect(insecure.warning(about: [endpoint])?.contains(text) == true)
        }
        #expect(throws: SecurityError.self) { try bare.protection(listeningAt: Endpoint("tcp://*:*", for: .bind)) }
    }

    @Test func withAKeyTCPIsAlwaysEncryptedAndIPCNever() throws {
        let own = try KeyPair.generate(name: "c", role: .coordinator).write(to: folder.path)
        let worker = try KeyPair.generate(name: "w", role: .worker).write(to: folder.path)
        let listener = try LinkSecurity(keyFile: own.secret, authorizedKeys: worker.public, insecure: false, as: .coordinator)
        let dialler = try LinkSecurity(keyFile: worker.secret, authorizedKeys: own.public, insecure: false, as: .worker)
        for text in ["tcp://127.0.0.1:1", "tcp://10.0.0.1:1"] {
            let endpoint = try Endpoint(text, for: .connect)
            #expect(try !listener.protection(listeningAt: endpoint).isPlaintext && !dialler.protection(dialling: endpoint).isPlaintext)
        }
        #expect(try listener.protection(listeningAt: .ipc(path: "/tmp/x")).isPlaintext)
        #expect(throws: SecurityError.role(path: worker.secret, is: .worker, wanted: .client)) {
            try LinkSecurity(keyFile: worker.secret, authorizedKeys: own.public, insecure: false, as: .client)
        }
        #expect(throws: SecurityError.nobodyAuthorized(keyFile: own.secret)) {
            try LinkSecurity(keyFile: own.secret, authorizedKeys: nil, insecure: false, as: .coordinator)
        }
        for (key, keys, insecure) in [(own.secret, own.public, true), (nil, own.public, false)] as [(String?, String?, Bool)] {
            #expect(throws: SecurityError.self) { try LinkSecurity(keyFile: key, authorizedKeys: keys, insecure: insecure, as: .coordinator) }
        }
    }

    @Test func addressesMayNameAKey() throws {
        let endpoint = try Endpoint("tcp://anna@host:1", for: .connect)
        #expect(endpoint == .tcp(host: "host", port: 1, server: "anna") && endpoint.description == "tcp://anna@host:1" && endpoint.address == "tcp://host:1")
        for (text, purpose) in [("tcp://anna@host:1", .bind), ("tcp://@host:1", .connect), ("tcp://a/b@host:1", .connect), ("tcp://a@b@host:1", .connect)] as [(String, Endpoint.Purpose)] {
            #expect(throws: SocketError.self, "\(text)") { try Endpoint(text, for: purpose) }
        }
    }

    @Test func aChangedFileIsReadAgainAndABrokenOneIsNot() throws {
        let (a, b) = (try KeyPair.generate(name: "a").identity, try KeyPair.generate(name: "b").identity)
        let file = try folder.write("keys", "\(a.line)\n\(b.line)\n")
        let ring = KeyRing(try AuthorizedKeysFile(path: file))
        #expect(ring.refresh() == nil)
        _ = try folder.write("keys", "\(b.line)\n# shorter")
        #expect(ring.refresh() == .read(count: 1, removed: ["a"]))
        #expect(ring.refresh() == nil && ring.keys.keys == [b])
        _ = try folder.write("keys", "nonsense")
        let broken = ring.refresh()
        #expect(broken?.isFailure == true)
        // Said once; the keys of before stay.
        #expect(ring.refresh() == nil && ring.keys.keys == [b])
        unlink(file)
        let missing = ring.refresh()
        #expect(missing?.isFailure == true)
        #expect(ring.refresh() == nil && ring.keys.keys == [b])
        _ = try folder.write("keys", "\(a.line)\n")
        #expect(ring.refresh() == .read(count: 1, removed: ["b"]))
        #expect(ring.keys.keys == [a])
    }
}

extension LinkSecurity.Protection {
    var isPlaintext: Bool { if case .plaintext = self { true } else { false } }
}

extension KeyRing.Change {
    var isFailure: Bool { if case .failed = self { true } else { false } }
}
