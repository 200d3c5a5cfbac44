import ArgumentParser
import Foundation
import MedMoE
import Tensors

/// How this process computes.
struct ComputeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Threads that compute. Default: all cores, shared among local workers.", valueName: "n"))
    var threads: Int?

    @Option(help: "Matrix library. auto takes oneDNN where its rows do not depend on each other, else our own kernel.")
    var gemm: GEMMEngine = .automatic

    func validate() throws {
        if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads is \(threads); expected 1 to 1024") }
    }

    /// Threads of one process when `processes` share this machine.
    func threadCount(sharedBy processes: Int = 1) -> Int {
        threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount / max(1, processes))
    }
}

extension GEMMEngine: ExpressibleByArgument {}
