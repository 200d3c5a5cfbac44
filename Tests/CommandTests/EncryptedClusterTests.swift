import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// The whole program over encrypted links.
    @Suite struct EncryptedLinks {
        private let program: Program
        private static let question = ["--image", Checkout.chest, "What organ system is being imaged?", "--json"]

        init() throws { program = try Program() }

        private func path(_ name: String) -> String { program.folder.appending(name) }

        /// Makes keys and writes their public lines into a file of authorised keys.
        private func authorize(_ file: String, _ names: [String]) async throws {
            let lines = try names.map { try String(contentsOfFile: path("\($0).pub"), encoding: .utf8) }
            try program.folder.write(file, lines.joined())
            chmod(path(file), 0o600)
        }

        private func makeKeys() async throws {
            for (name, role) in [("coordinator", "coordinator"), ("worker-a", "worker"), ("worker-b", "worker"), ("client", "client"), ("other", "client")] {
                let made = try await program.succeed(["keys", "new", name, "--role", role, "--out", program.folder.path])
                let shown = try await program.succeed(["keys", "show", path("\(name).key")])
                #expect(made.output == shown.output && shown.output.hasPrefix("medmoe-curve ") && shown.output.hasSuffix(" \(name) \(role)\n"))
                // The secret is in the file and nowhere else.
                let secret = try String(contentsOfFile: path("\(name).key"), encoding: .utf8).split(whereSeparator: \.isWhitespace)[1]
                #expect(!(made.output + made.errors + shown.output + shown.errors).contains(secret))
            }
            try await authorize("authorized", ["worker-a", "worker-b", "client"])
        }

        private func link(_ name: String) -> [String] { ["--key", path("\(name).key"), "--authorized-keys", path("coordinator.pub")] }

        private func start() async throws -> ClusterUnderTest {
            try await makeKeys()
            let cluster = try await ClusterUnderTest(
                program, model: Checkout.bundledModel, .tcp, arguments: ["--key", path("coordinator.key"), "--authorized-keys", path("authorized")])
            for (name, experts) in [("worker-a", "0,1"), ("worker-b", "2,3")] {
                _ = try program.start([
                    "worker", "--model", Checkout.bundledModel, "--experts", experts, "--name", name, "--threads", "1", "--connect", cluster.listening,
                ] + link(name))
            }
            try await eventually(within: .seconds(30), "both workers are there") {
                let status = try await program.run(["status", "--json", "--coordinator", cluster.serving] + link("client"))
                return status.succeeded && status.output.contains("\"covered\" : true")
            }
            return cluster
        }

        @Test("answers over encrypted links are those of one process, and status, assign and classify go the same way")
        func answersAreThoseOfOneProcess() async throws {
            let alone = try await program.succeed(["ask", "--model", Checkout.bundledModel] + Self.question).answer()
            let cluster = try await start()
            let far = try await program.succeed(["ask", "--coordinator", cluster.serving] + link("client") + Self.question).answer()
            #expect(far.answer == alone.answer && far.token_ids == alone.token_ids && far.model_digest == alone.model_digest)
            let named = cluster.serving.replacingOccurrences(of: "tcp://", with: "tcp://coordinator@")
            let status = try await program.succeed(["cluster", "status", "--coordinator", named] + link("client"))
            #expect(status.output.contains("links_open: "), "\(status)")
            let assigned = try await program.succeed(["cluster", "assign", "--worker", "worker-a", "--add", "2", "--coordinator", cluster.serving] + link("client"))
            #expect(assigned.output.contains("X-Ray"), "\(assigned)")
            let labels = ["classify", "--coordinator", cluster.serving, "--labels", "ct,x-ray", "--question", "What modality is used to take this image?", "--image", Checkout.chest]
            try await program.succeed(labels + link("client"))
            #expect(cluster.coordinator.errors.contains("shows key 'worker-b'"), "\(cluster.coordinator.errors)")
        }

        @Test("who may not in is told at once what to do: no key, a key that is not listed, a key of another role, another coordinator's key")
        func whoMayNotInIsToldAtOnce() async throws {
            let cluster = try await start()
            let ask = ["ask", "--coordinator", cluster.serving] + Self.question
            let outcome = try await program.run(ask, within: .seconds(20))
            expectRefusal(outcome, naming: "wants encrypted links", "--key")
            let listed = try String(contentsOfFile: path("other.pub"), encoding: .utf8).trimmingCharacters(in: .newlines)
            expectRefusal(try await program.run(ask + link("other"), within: .seconds(20)), naming: "does not accept this key", listed, "--authorized-keys")
            expectRefusal(try await program.run(ask + link("worker-a"), within: .seconds(20)), naming: "worker-a.key", "not of a client")
            expectRefusal(
                try await program.run(ask + ["--key", path("client.key"), "--authorized-keys", path("worker-a.pub")], within: .seconds(20)),
                naming: "worker-a.pub", "may be dialled")
            try await program.succeed(["keys", "new", "impostor", "--role", "coordinator", "--out", program.folder.path])
            expectRefusal(
                try await program.run(ask + ["--key", path("client.key"), "--authorized-keys", path("impostor.pub")], within: .seconds(20)),
                naming: "another key than 'impostor'")
            let status = try await program.succeed(["status", "--coordinator", cluster.serving] + link("client"))
            // The client may have seen first that this port encrypts, and hung up before it said that it does not.
            #expect(status.output.contains("links_refused_plaintext") || status.output.contains("links_refused_hangup"), "\(status)")
            for counter in ["links_refused_unauthorized", "links_refused_crypto"] {
                #expect(status.output.contains(counter), "\(counter) is not in: \(status)")
            }
            #expect(try await program.succeed(ask + link("client")).answer().answer == "chest")
        }

        @Test("nothing is served or asked unencrypted beyond this machine, unless --insecure, which the log says")
        func nothingIsServedUnencryptedBeyondThisMachine() async throws {
            let coordinator = ["coordinator", "--model", Checkout.bundledModel, "--serve", "ipc://\(path("c"))", "--listen", "tcp://0.0.0.0:*"]
            expectRefusal(try await program.run(coordinator, within: .seconds(20)), naming: "tcp://0.0.0.0:*", "medmoe keys new", "--insecure")
            expectRefusal(
                try await program.run(["worker", "--model", Checkout.bundledModel, "--connect", "tcp://192.0.2.1:7070"], within: .seconds(20)),
                naming: "tcp://192.0.2.1:7070", "medmoe keys new")
            expectRefusal(try await program.run(["status", "--coordinator", "tcp://192.0.2.1:7070"], within: .seconds(20)), naming: "medmoe keys new")
            let open = try program.start(coordinator + ["--insecure"])
            try await eventually(within: .seconds(30), "it serves") { open.errors.contains("ready for workers and clients") }
            #expect(open.errors.contains("neither encrypted nor authenticated"), "\(open.errors)")
        }

        @Test("keys that cannot be used are refused with what to do")
        func keysThatCannotBeUsedAreRefused() async throws {
            try await program.succeed(["keys", "new", "a", "--out", program.folder.path])
            expectRefusal(try await program.run(["keys", "new", "a", "--out", program.folder.path]), naming: path("a.key"), "never overwritten")
            expectRefusal(try await program.run(["keys", "new", "a b"]), naming: "a b")
            expectRefusal(try await program.run(["keys", "new", "b", "--role", "king"]), naming: "king", usage: true)
            chmod(path("a.key"), 0o644)
            for arguments in [
                ["keys", "show", path("a.key")], ["status", "--coordinator", "tcp://127.0.0.1:1", "--key", path("a.key"), "--authorized-keys", path("a.pub")],
            ] {
                expectRefusal(try await program.run(arguments, within: .seconds(20)), naming: "chmod 600 \(path("a.key"))")
            }
            chmod(path("a.key"), 0o600)
            let bad = try program.folder.write("bad", "medmoe-curve 12 a\n")
            chmod(bad, 0o600)
            let status = ["status", "--coordinator", "tcp://127.0.0.1:1", "--key", path("a.key")]
            expectRefusal(try await program.run(status + ["--authorized-keys", bad]), naming: bad, "line 1")
            expectRefusal(try await program.run(status), naming: "--authorized-keys")
            expectRefusal(try await program.run(status + ["--insecure"]), naming: "--insecure")
        }
    }

    /// `medmoe bench links`.
    @Suite struct BenchLinks {
        private struct Report: Decodable {
            struct Figure: Decodable { var plain, encrypted, ratio, least, most: Double }
            var decode, prefill: Figure
            var encrypted_thread_seconds: [String: Double]
        }

        @Test("encrypted links are measured against plaintext ones, decoding and reading a prompt")
        func encryptedLinksAreMeasuredAgainstPlaintextOnes() async throws {
            let outcome = try await Program().succeed([
                "bench", "links", "--model", Checkout.bundledModel, "--tokens", "12", "--prompt", "100", "--repeat", "2", "--json",
            ])
            let report = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
            for figure in [report.decode, report.prefill] {
                #expect(figure.plain > 0 && figure.encrypted > 0 && figure.ratio > 0 && figure.least <= figure.most)
            }
            #expect(report.encrypted_thread_seconds["coordinator-io"] != nil)
        }
    }
}
