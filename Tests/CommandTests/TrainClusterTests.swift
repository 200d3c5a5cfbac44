import ClusterHarness
import Foundation
import Testing

extension Commands {
    /// `medmoe train experts` on trainers that are processes.
    @Suite struct TrainingOnTrainers {
        private let ground: TrainingGround
        private let data: String

        init() throws {
            ground = try TrainingGround()
            data = try ground.write(TrainingGround.entries(), to: "train.json")
        }

        /// 60 updates of four questions each.
        private func experts(out: String, _ more: [String] = []) -> [String] {
            ground.step(
                "experts", data: data, out: out,
                ["--epochs", "20", "--batch", "4", "--rate", "1e-3", "--decay", "0.01", "--seed", "5", "--checkpoint-every", "12"] + more)
        }

        @Test("two trainers started by the command give the losses and the model of one process, and it says what crossed the network")
        func twoLocalTrainers() async throws {
            try await ground.program.succeed(experts(out: "alone"))
            let outcome = try await ground.program.succeed(experts(out: "together", ["--workers", "2"]))
            for part in ["experts learn on trainer-", "(0, 2)", "(1, 3)", "rows of experts", "of the least bytes"] {
                #expect(outcome.errors.contains(part), "\(part) is not in \(outcome.errors)")
            }
            let alone = try ground.losses(ground.path("alone.log.jsonl"), stage: "experts")
            #expect(try ground.losses(ground.path("together.log.jsonl"), stage: "experts") == alone && alone.count == 60)
            #expect(ground.areEqual("alone/model.safetensors", "together/model.safetensors"))
        }

        @Test("a trainer that is killed in the middle is replaced by one that dials in; the model is the same")
        func killedTrainersAreReplaced() async throws {
            try await ground.program.succeed(experts(out: "alone"))
            let address = "ipc://" + ground.path("trainers.sock")
            func trainer(_ name: String) throws -> RunningProgram {
                try ground.program.start(["trainer", "--connect", address, "--name", name, "--threads", "1"])
            }
            let first = try trainer("first")
            let second = try trainer("second")
            defer { second.kill() }
            let learning = try ground.program.start(
                experts(out: "together", ["--workers", "2", "--listen", address, "--replacement-timeout", "30"]))
            let log = ground.path("together.log.jsonl")
            try await ground.kill(first, at: 20, log: log, stage: "experts")
            let third = try trainer("third")
            defer { third.kill() }
            let outcome = try await learning.outcome(within: .seconds(60))
            #expect(outcome.end == .exited(0), "\(outcome)")
            for part in ["trainer 'first' is lost", "everyone goes back to update 12", "third ("] {
                #expect(outcome.errors.contains(part), "\(part) is not in \(outcome.errors)")
            }
            let alone = try ground.losses(ground.path("alone.log.jsonl"), stage: "experts")
            #expect(try ground.losses(log, stage: "experts") == alone)
            #expect(ground.areEqual("alone/model.safetensors", "together/model.safetensors"))
            for running in [second, third] {
                running.signal(SIGTERM)
                let end = try await running.outcome(within: .seconds(10)).end
                #expect(end == .exited(0) || end == .exited(143), "\(end)")
            }
        }

        @Test("local trainers outlive a SIGTERM that all processes get: what was learnt is saved, and goes on")
        func terminationOfAllSaves() async throws {
            let arguments = experts(out: "asked", ["--workers", "2"])
            let running = try ground.program.start(arguments)
            let log = ground.path("asked.log.jsonl")
            try await eventually(within: .seconds(60), "ten updates") {
                (try? ground.losses(log, stage: "experts").count >= 10) ?? false
            }
            let trainers = children(of: running.processID)
            #expect(trainers.count == 2)
            for trainer in trainers { kill(trainer, SIGTERM) }
            running.signal(SIGTERM)
            let outcome = try await running.outcome(within: .seconds(30))
            #expect(outcome.end == .exited(143) && outcome.errors.contains("saved after update"), "\(outcome)")
            #expect(try await ground.program.succeed(arguments).errors.contains("goes on after update"))
        }

        private func children(of process: Int32) -> [Int32] {
            let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
            return threads.flatMap { thread in
                let text = try? String(contentsOfFile: "/proc/\(process)/task/\(thread)/children", encoding: .utf8)
                return text?.split(separator: " ").compactMap { Int32($0) } ?? []
            }
        }

        @Test("options that make no sense are refused with what to do")
        func whatCannotBeIsRefused() async throws {
            let refused = try await ground.program.run(experts(out: "none", ["--workers", "0"]))
            #expect(refused.errors.contains("--workers is 0; expected 1 to 1024"), "\(refused)")
            let alone = try await ground.program.run(experts(out: "none", ["--listen", "ipc:///tmp/x"]))
            #expect(alone.errors.contains("say how many with --workers"), "\(alone)")
            let lone = try await ground.program.run(experts(out: "none", ["--workers", "2", "--replacement-timeout", "3"]))
            #expect(lone.errors.contains("say where they dial in with --listen"), "\(lone)")
            let dense = try await ground.program.run(experts(out: "none", ["--workers", "2", "--dense"]))
            #expect(dense.errors.contains("--dense has no experts"), "\(dense)")
            let plain = try await ground.program.run(experts(out: "none", ["--workers", "1", "--listen", "tcp://192.0.2.1:7080"]))
            #expect(plain.errors.contains("--key"), "\(plain)")
        }
    }
}
