/// How a process ended.
package enum ProcessEnd: Sendable, Hashable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    package var description: String {
        switch self {
        case .exited(let status): "exited with \(status)"
        case .signalled(let number): "was ended by signal \(number)"
        }
    }
}

/// A process that ended, and what it said.
package struct ProgramOutcome: Sendable, CustomStringConvertible {
    package let arguments: [String]
    package let end: ProcessEnd
    package let output: String
    package let errors: String

    package var succeeded: Bool { end == .exited(0) }
    package var outputLines: [String] { output.split(separator: "\n").map(String.init) }
    package var errorLines: [String] { errors.split(separator: "\n").map(String.init) }

    package var description: String {
        "medmoe \(arguments.joined(separator: " ")) \(end)\n--- standard output\n\(output.prefix(4000))\n--- standard error\n\(errors.prefix(4000))"
    }
}

/// A process did not do in time what a test waits for.
package struct TooLate: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// The harness cannot do what it should.
package struct HarnessError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
