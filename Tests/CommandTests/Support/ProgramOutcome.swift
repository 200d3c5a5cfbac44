/// How a process ended.
enum ProcessEnd: Sendable, Hashable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    var description: String {
        switch self {
        case .exited(let status): "exited with \(status)"
        case .signalled(let number): "was ended by signal \(number)"
        }
    }
}

/// A process that ended, and what it said.
struct ProgramOutcome: Sendable, CustomStringConvertible {
    let arguments: [String]
    let end: ProcessEnd
    let output: String
    let errors: String

    var succeeded: Bool { end == .exited(0) }
    var outputLines: [String] { output.split(separator: "\n").map(String.init) }
    var errorLines: [String] { errors.split(separator: "\n").map(String.init) }

    var description: String {
        "medmoe \(arguments.joined(separator: " ")) \(end)\n--- standard output\n\(output.prefix(4000))\n--- standard error\n\(errors.prefix(4000))"
    }
}

/// A process did not do in time what a test waits for.
struct TooLate: Error, CustomStringConvertible {
    let description: String
}
