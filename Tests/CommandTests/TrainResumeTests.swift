import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// `medmoe train`, killed, starved of space, and given again.
    @Suite struct TrainingResumption {
        private let ground: TrainingGround
        private let data: String

        init() throws {
            ground = try TrainingGround()
            data = try ground.write(TrainingGround.entries(), to: "train.json")
        }

        /// 240 updates of two questions each.
        private func long(_ step: String, out: String) -> [String] {
            ground.step(
                step, data: data, out: out,
                ["--epochs", "40", "--batch", "2", "--rate", "1e-3", "--decay", "0.01", "--seed", "5", "--checkpoint-every", "12"])
        }

        @Test("killed at three random updates, it ends with the bits and the curve of a run that never stopped", arguments: ["instruct", "experts"])
        func killedThreeTimes(step: String) async throws {
            try await ground.program.succeed(long(step, out: "whole"))
            let log = ground.path("killed.log.jsonl")
            for third in 0..<3 {
                let running = try ground.program.start(long(step, out: "killed"))
                let update = 70 * third + Int.random(in: 15...60)
                try await ground.kill(running, at: update, log: log, stage: step)
                #expect(!ground.exists("killed") && !ground.checkpoints(of: "killed").isEmpty)
            }
            let outcome = try await ground.program.succeed(long(step, out: "killed"))
            #expect(outcome.errors.contains("goes on after update"), "\(outcome)")
            let files = ["model.safetensors", "config.json", "tokenizer.json", "clip/model.safetensors"]
            #expect(files.filter { !ground.areEqual("whole/\($0)", "killed/\($0)") } == [])
            let curve = try ground.losses(ground.path("whole.log.jsonl"), stage: step)
            let joined = try ground.losses(log, stage: step)
            #expect(curve.count == 240 && joined == curve)
            #expect(!ground.exists("killed.steps"))
        }

        @Test("a file that may not grow is named; the last checkpoint is intact, and with room the run goes on")
        func noRoomForTheCheckpoint() async throws {
            let arguments = ground.step("instruct", data: data, out: "starved", ["--epochs", "5", "--batch", "2", "--checkpoint-every", "7"])
            let limited = ["/bin/sh", "-c", #"ulimit -f 600; exec "$0" "$@""#, try #require(Program.path)] + arguments
            let first = try await ground.program.startCommand(limited).outcome(within: .seconds(60))
            expectRefusal(first, naming: "starved.steps/update-0000007", "File too large", "there is no checkpoint yet")
            #expect(!ground.exists("starved") && !ground.exists("starved.steps"))
            let running = try ground.program.start(arguments)
            try await ground.kill(running, at: 16, log: ground.path("starved.log.jsonl"), stage: "instruct")
            let second = try await ground.program.startCommand(limited).outcome(within: .seconds(60))
            let last = try #require(ground.checkpoints(of: "starved").last)
            expectRefusal(second, naming: "File too large", "starved.steps/\(last) is intact", "the same command")
            try await ground.program.succeed(["inspect", ground.path("starved.steps/\(last)")])
            try await ground.program.succeed(arguments)
            var whole = arguments
            whole[whole.firstIndex(of: ground.path("starved"))!] = ground.path("fed")
            try await ground.program.succeed(whole)
            #expect(ground.areEqual("starved/model.safetensors", "fed/model.safetensors"))
        }

        @Test(
            "a full disk stops the run with the file's name; what was saved can be read, and with room the run goes on",
            .enabled(if: geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/unshare"), "no small disk can be mounted: not root, or no unshare"))
        func fullDisk() async throws {
            let disk = ground.path("disk")
            let arguments = ground.step("instruct", data: data, out: "disk/out", ["--epochs", "6", "--batch", "2", "--checkpoint-every", "7"])
            // In a mount namespace of its own: whatever happens, the disk goes with the last process.
            let script = """
                mkdir "$DISK" && mount -t tmpfs -o size=8m none "$DISK" || exit 77
                "$0" "$@"; echo "first $?"
                "$0" inspect "$DISK"/out.steps/update-0000007 >/dev/null; echo "inspected $?"
                ls "$DISK"
                mount -o remount,size=64m "$DISK"
                "$0" "$@"; echo "second $?"
                "$0" inspect "$DISK/out" >/dev/null; echo "inspected $?"
                ls "$DISK"
                """
            let program = Program(sharing: ground.program, ["DISK": disk])
            let outcome = try await program.startCommand(["/usr/bin/unshare", "-m", "/bin/sh", "-c", script, try #require(Program.path)] + arguments)
                .outcome(within: .seconds(60))
            try #require(outcome.end != .exited(77), "no small disk can be mounted here: \(outcome)")
            #expect(
                outcome.outputLines == ["first 1", "inspected 0", "out.log.jsonl", "out.steps", "second 0", "inspected 0", "out", "out.log.jsonl"],
                "\(outcome)")
            let error = outcome.errorLines.first { $0.hasPrefix("Error: ") } ?? ""
            for part in ["disk/out.steps/update-0000014", "No space left on device", "update-0000007 is intact", "the same command"] {
                #expect(error.contains(part), "\(error)")
            }
        }

        @Test("a loss that is no number stops the run; the checkpoint that the message names can be read and learnt from")
        func notANumber() async throws {
            // The rate rises so steeply that some updates go well before numbers overflow.
            let outcome = try await ground.program.run(
                ground.step(
                    "instruct", data: data, out: "nan",
                    ["--epochs", "40", "--batch", "2", "--rate", "1e9", "--warm-up", "1", "--clip", "0", "--checkpoint-every", "1"]))
            expectRefusal(outcome, naming: "not a finite number in step", "of instruct", "is intact", "smaller learning rate")
            let last = try #require(ground.checkpoints(of: "nan").last)
            #expect(outcome.errors.contains("nan.steps/\(last) is intact"), "\(outcome)")
            try await ground.program.succeed(["inspect", ground.path("nan.steps/\(last)")])
            #expect(!ground.exists("nan"))
            let first = try await ground.program.run(
                ground.step("instruct", data: data, out: "ruin", ["--epochs", "2", "--rate", "1e30", "--batch", "2", "--checkpoint-every", "1"]))
            expectRefusal(first, naming: "not a finite number in step 2", "no good checkpoint yet", "smaller learning rate")
        }

        @Test("checkpoints of a run with other settings are refused, with what to do; so is an output that exists, before any work")
        func otherSettingsAreRefused() async throws {
            let running = try ground.program.start(long("instruct", out: "out"))
            try await ground.kill(running, at: 14, log: ground.path("out.log.jsonl"), stage: "instruct")
            let kept = ground.checkpoints(of: "out")
            var other = long("instruct", out: "out")
            other[other.firstIndex(of: "1e-3")!] = "2e-3"
            expectRefusal(
                try await ground.program.run(other), naming: ground.path("out.steps"), "other settings, data or model", "another --out", "remove the folder")
            _ = try ground.write(TrainingGround.entries(11), to: "train.json")
            expectRefusal(try await ground.program.run(long("instruct", out: "out")), naming: ground.path("out.steps"), "another --out")
            #expect(ground.checkpoints(of: "out") == kept)
            try FileManager.default.createDirectory(atPath: ground.path("taken/photos"), withIntermediateDirectories: true)
            let refused = try await ground.program.run(ground.step("instruct", data: "/nonexistent.json", out: "taken/"))
            expectRefusal(refused, naming: ground.path("taken"), "exists and is not empty")
            #expect(!ground.exists("taken.log.jsonl") && !ground.exists("taken.steps") && !ground.exists("taken/.log.jsonl"))
        }

        @Test("Ctrl-C and SIGTERM save what was learnt; the run goes on from there")
        func terminationSaves() async throws {
            let arguments = ground.step("instruct", data: data, out: "asked", ["--epochs", "20", "--batch", "2", "--checkpoint-every", "1000"])
            let running = try ground.program.start(arguments)
            try await eventually(within: .seconds(60), "ten updates") {
                (try? ground.losses(ground.path("asked.log.jsonl"), stage: "instruct").count >= 10) ?? false
            }
            running.signal(SIGTERM)
            let outcome = try await running.outcome(within: .seconds(30))
            #expect(outcome.end == .exited(143) && outcome.errors.contains("saved after update"), "\(outcome)")
            let last = try #require(ground.checkpoints(of: "asked").last)
            let done = try ground.losses(ground.path("asked.log.jsonl"), stage: "instruct").count
            #expect(last == "update-" + String(repeating: "0", count: 7 - "\(done)".count) + "\(done)")
            #expect(try await ground.program.succeed(arguments).errors.contains("goes on after update \(done)"))
        }
    }
}
