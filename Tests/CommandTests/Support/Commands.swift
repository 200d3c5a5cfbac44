import ClusterHarness
import Foundation
import Testing

/// The parent of all suites that start processes: they run one after the other, so that none starves another.
@Suite(.serialized, .enabled(if: Program.path != nil, "the medmoe program is not beside the test bundle: build it with `swift build --build-tests`"))
struct Commands {}

extension Program {
    /// Runs it to its end, which must be a good one.
    @discardableResult
    func succeed(_ arguments: [String], within limit: Duration = .seconds(60), at location: SourceLocation = #_sourceLocation)
        async throws -> ProgramOutcome
    {
        let outcome = try await run(arguments, within: limit)
        try #require(outcome.succeeded, "\(outcome)", sourceLocation: location)
        return outcome
    }
}

/// The folder of large public data, where there is one.
let sharedFolder = ProcessInfo.processInfo.environment["MEDMOE_SHARED"].flatMap { $0.isEmpty ? nil : $0 }
