import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// Standard output and standard error that take nothing: on a full disk, for which `/dev/full` stands, or with nobody at the other end.
    @Suite struct FullOutputs {
        private let ground: TrainingGround

        init() throws { ground = try TrainingGround() }

        /// A question whose answer goes to standard output, and its routing to standard error.
        private static let question = [
            "ask", "--model", Checkout.bundledModel, "--show-routing", "--image", Checkout.chest, "--max-tokens", "4",
            "What organ system is being imaged?",
        ]

        /// Starts the program, redirected by a shell.
        private func start(_ arguments: [String], _ redirection: String) throws -> RunningProgram {
            try ground.program.startCommand(["/bin/sh", "-c", #"exec "$0" "$@" \#(redirection)"#, try #require(Program.path)] + arguments)
        }

        /// Runs the program before a pipe whose reader is gone already. The last line of the output tells how it ended.
        ///
        /// - Parameter before: what the shell does first.
        private func runUnread(_ arguments: [String], _ redirection: String, before: String = "") async throws -> ProgramOutcome {
            let script = #"""
                \#(before)
                exec 3>&1
                { until [ -e "$GONE" ]; do sleep 0.02; done; "$0" "$@" \#(redirection); echo "ended $?" >&3; } | { exec <&-; : > "$GONE"; }
                """#
            let program = Program(sharing: ground.program, ["GONE": ground.path("gone-\(UUID().uuidString)")])
            return try await program.startCommand(["/bin/sh", "-c", script, try #require(Program.path)] + arguments).outcome(within: .seconds(60))
        }

        @Test("progress that cannot be written stops no learning: asked to end, it saves; given again, it ends with the bits of an undisturbed run")
        func learningGoesOnWithoutItsProgress() async throws {
            let data = try ground.write(TrainingGround.entries(), to: "train.json")
            func arguments(_ out: String) -> [String] {
                ground.step("instruct", data: data, out: out, ["--epochs", "20", "--batch", "2", "--checkpoint-every", "1000"])
            }
            try await ground.program.succeed(arguments("heard"))
            let running = try start(arguments("mute"), "2>/dev/full")
            try await eventually(within: .seconds(60), "ten updates") {
                guard running.end == nil else { return true }
                return (try? ground.losses(ground.path("mute.log.jsonl"), stage: "instruct").count >= 10) ?? false
            }
            running.signal(SIGTERM)
            let stopped = try await running.outcome(within: .seconds(30))
            #expect(stopped.end == .exited(143) && stopped.output.isEmpty && stopped.errors.isEmpty, "\(stopped)")
            #expect(ground.checkpoints(of: "mute").count == 1 && !ground.exists("mute"))
            let finished = try await start(arguments("mute"), "2>/dev/full").outcome(within: .seconds(60))
            #expect(finished.succeeded && finished.output.isEmpty, "\(finished)")
            #expect(ground.areEqual("heard/model.safetensors", "mute/model.safetensors"))
        }

        @Test("an answer is the same where what belongs to it cannot be said on standard error")
        func answersGoOnWithoutTheirNotes() async throws {
            let whole = try await ground.program.succeed(Self.question)
            #expect(whole.errors.contains("layer") && !whole.output.isEmpty, "\(whole)")
            let mute = try await start(Self.question, "2>/dev/full").outcome(within: .seconds(60))
            #expect(mute.succeeded && mute.output == whole.output && mute.errors.isEmpty, "\(mute)")
            // As below systemd, where broken pipes are errors and no signals.
            let unread = try await runUnread(Self.question, "2>&1 >&3", before: "trap '' PIPE")
            #expect(unread.output == whole.output + "ended 0\n", "\(unread)")
        }

        @Test("output that cannot be written is an error that says why", arguments: [["inspect", Checkout.bundledModel], question])
        func lostOutputIsAnError(arguments: [String]) async throws {
            let outcome = try await start(arguments, ">/dev/full").outcome(within: .seconds(60))
            expectRefusal(outcome, naming: "standard output", "No space left on device", "make room")
        }

        @Test("whoever reads no more of the output ends the program by SIGPIPE, as in any pipeline; where that is ignored, it is an error")
        func unreadOutputEndsTheProgram() async throws {
            let arguments = ["inspect", Checkout.bundledModel]
            #expect(try await runUnread(arguments, "").output == "ended 141\n")
            let told = try await runUnread(arguments, "", before: "trap '' PIPE")
            #expect(told.output == "ended 1\n" && told.errors.contains("Error: standard output cannot be written to: Broken pipe"), "\(told)")
        }
    }
}
