import Foundation
import Synchronization
import Tensors
import Testing

@testable import Wire

@Suite struct SocketTests {
    private func temporary() throws -> PrivateFolder {
        try PrivateFolder("/tmp/medmoe-test-\(UInt32.random(in: 0 ... .max))")
    }

    @Test func endpointsAreChecked() throws {
        #expect(try Endpoint("tcp://127.0.0.1:5555", for: .connect) == .tcp(host: "127.0.0.1", port: 5555))
        #expect(try Endpoint("tcp://[::1]:1", for: .bind) == .tcp(host: "[::1]", port: 1))
        #expect(try Endpoint("tcp://*:*", for: .bind) == .tcp(host: "*", port: 0))
        #expect(try Endpoint("ipc:///tmp/x", for: .connect) == .ipc(path: "/tmp/x"))
        for text in [
            "", "http://x", "tcp://", "tcp://host", "tcp://:1", "tcp://h:65536", "tcp://h:-1", "tcp://h:+1", "tcp://h:1 ", "tcp://h\n:1",
            "tcp://*:1", "tcp://h:0", "ipc://", "ipc://@abstract", "inproc://x", "tcp://a;b:1",
        ] {
            #expect(throws: SocketError.self, "\(text)") { try Endpoint(text, for: .connect) }
        }
        #expect(throws: SocketError.pathTooLong("/" + String(repeating: "x", count: 107), limit: 107)) {
            try Endpoint("ipc:///" + String(repeating: "x", count: 107), for: .bind)
        }
    }

    @Test func privateFoldersMustBePrivate() throws {
        let folder = try temporary()
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        #expect(try PrivateFolder(folder.path) == folder)
        chmod(folder.path, 0o755)
        let error = #expect(throws: SocketError.self) { try PrivateFolder(folder.path) }
        #expect(error?.description.contains("755") == true)
        chmod(folder.path, 0o700)
        #expect(symlink(folder.path, folder.path + "-link") == 0)
        defer { unlink(folder.path + "-link") }
        #expect(throws: SocketError.self) { try PrivateFolder(folder.path + "-link") }
        let inner = try folder.makeTemporary()
        #expect(inner.path.hasPrefix(folder.path + "/run-"))
        inner.removeWithSockets()
        #expect(!FileManager.default.fileExists(atPath: inner.path))
    }

    @Test func staleSocketFilesAreReplacedAndLiveOnesAreNot() throws {
        let folder = try temporary()
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        let endpoint = try folder.endpoint("s")
        let context = try ZMQContext()
        let first = try ZMQSocket(context, .router, maximumFrame: 100)
        _ = try first.bind(endpoint)
        let second = try ZMQSocket(context, .router, maximumFrame: 100)
        #expect(throws: SocketError.addressInUse(endpoint.description, holder: getpid())) { try second.bind(endpoint) }
        // What a killed process leaves: a socket file that nobody listens at.
        let stale = folder.path + "/stale"
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: stale.utf8) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        #expect(status == 0)
        close(raw)
        #expect(FileManager.default.fileExists(atPath: stale))
        _ = try second.bind(.ipc(path: stale))
        // Something else than a socket is not touched.
        try Data("precious".utf8).write(to: URL(fileURLWithPath: folder.path + "/file"))
        #expect(throws: SocketError.self) { try second.bind(.ipc(path: folder.path + "/file")) }
        #expect(FileManager.default.fileExists(atPath: folder.path + "/file"))
        first.close()
        second.close()
        #expect(!FileManager.default.fileExists(atPath: stale))
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/s"))
    }

    @Test func busyPortsAreNamed() throws {
        let context = try ZMQContext()
        let first = try ZMQSocket(context, .router, maximumFrame: 100)
        let bound = try first.bind(.tcp(host: "127.0.0.1", port: 0))
        guard case .tcp("127.0.0.1", let port, nil) = bound, port != 0 else {
            Issue.record("no port in \(bound)")
            return
        }
        let second = try ZMQSocket(context, .router, maximumFrame: 100)
        #expect(throws: SocketError.addressInUse(bound.description, holder: nil)) { try second.bind(bound) }
    }

    @Test func sendingShowsTheStorageAndReleasesIt() throws {
        final class Count: Sendable { let value = Atomic<Int>(0) }
        let count = Count()
        try {
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 64)
            bytes.initializeMemory(as: UInt8.self, repeating: 3)
            let storage = Storage(adopting: UnsafeRawBufferPointer(bytes)) {
                $0.deallocate()
                count.value.add(1, ordering: .relaxed)
            }
            let tensor = try Tensor(dtype: .float32, shape: [4, 128], storage: storage, byteOffset: 2048)
            let frame = try Frame(showing: tensor)
            #expect(frame.count == 2048)
            // No copy: the frame's bytes are the tensor's.
            #expect(frame.withUnsafeBytes { $0.baseAddress } == bytes.baseAddress.map { UnsafeRawPointer($0 + 2048) })
            #expect(count.value.load(ordering: .relaxed) == 0)
        }()
        #expect(count.value.load(ordering: .relaxed) == 1)
    }

    @Test func messagesBeyondTheLimitsAreThrownAwayWhole() throws {
        let context = try ZMQContext()
        let router = try ZMQSocket(context, .router, maximumFrame: 1000)
        let bound = try router.bind(.tcp(host: "127.0.0.1", port: 0))
        let dealer = try ZMQSocket(context, .dealer(PeerIdentity([1, 2, 3])), maximumFrame: 1000)
        try dealer.connect(bound)
        _ = dealer.send(Multipart(frames: try (0..<10).map { try Frame([UInt8($0)]) }))
        _ = dealer.send(Multipart(frames: try (0..<3).map { _ in try Frame([UInt8](repeating: 1, count: 500)) }))
        _ = dealer.send(Multipart(frames: [try Frame([9])]))
        var outcomes: [String] = []
        let deadline = ContinuousClock.now + .seconds(10)
        while outcomes.count < 3, ContinuousClock.now < deadline {
            switch router.receive(mostFrames: 4, mostBytes: 1200) {
            case .nothing: usleep(500)
            case .refused(let error, let peer):
                #expect(peer == PeerIdentity([1, 2, 3]))
                outcomes.append("\(error)")
            case .message(let message, _, _): outcomes.append("\(message.frames.map(\.bytes))")
            }
        }
        #expect(outcomes.count == 3)
        #expect(outcomes.first?.contains("frames") == true)
        #expect(outcomes.dropFirst().first?.contains("message") == true)
        #expect(outcomes.last == "[[9]]")
        // Who is not there is known at once.
        #expect(router.send(Multipart(frames: [try Frame([1])]), to: PeerIdentity([7])) == .unreachable)
    }

    @Test func numbersThatAreNotFiniteAreFound() throws {
        #expect(try matrix(3, 5).isFinite)
        for bad in [Float.nan, .infinity, -.infinity, .signalingNaN] {
            for place in [0, 7, 14] {
                let storage = Storage.filled(byteCount: 60) { bytes in
                    for index in 0..<15 { bytes.storeBytes(of: index == place ? bad : Float.greatestFiniteMagnitude, toByteOffset: index * 4, as: Float.self) }
                }
                #expect(try !Tensor(dtype: .float32, shape: [3, 5], storage: storage).isFinite)
            }
        }
    }
}
