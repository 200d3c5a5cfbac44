import Datasets
import Foundation
import ModelFixtures
import Synchronization
import Training

/// Six small images of the fixtures that look different.
public enum FixtureImages {
    public static let folder = ImageFolder(
        path: ModelFixture.stableLM.folder.deletingLastPathComponent().deletingLastPathComponent().path)
    public static let paths = ["Models/tiny-stablelm/image0.png", "Models/tiny-stablelm/image1.png"]
        + ["phi-dense", "phi-llava", "stablelm-dense-tied", "stablelm-eight-tied"].map { "Variants/\($0)/image.png" }
}

/// A folder of one test, with a copy of a model that may be opened from it.
public final class ScratchFolder: Sendable {
    public let path = FileManager.default.temporaryDirectory.appending(path: "training-\(UUID().uuidString)").path
    /// A checkpoint of a small model.
    public let model = ModelFixture.stableLM.checkpoint.path

    public init() { try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Names in a folder below, sorted.
    public func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(folder)")) ?? []).sorted()
    }

    public func write(_ name: String, _ text: String) throws -> String {
        try Data(text.utf8).write(to: URL(filePath: "\(path)/\(name)"))
        return "\(path)/\(name)"
    }
}

/// Writes down what a run tells, and may cancel it after an update.
public final class UpdateRecord: TrainingObserver {
    private struct State {
        var updates: [StepReport] = []
        var saved: [Int] = []
        var resumedAfter: Int?
        var cancel: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())
    private let cancelsAfter: Int?

    public init(cancelsAfter: Int? = nil) { self.cancelsAfter = cancelsAfter }

    public var updates: [StepReport] { state.withLock { $0.updates } }
    public var saved: [Int] { state.withLock { $0.saved } }
    public var resumedAfter: Int? { state.withLock { $0.resumedAfter } }

    /// Runs `body` in a task that this record may cancel.
    public func cancellable(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let task = Task {
            // Not before it can be cancelled.
            while state.withLock({ $0.cancel == nil }) { await Task.yield() }
            try await body()
        }
        state.withLock { $0.cancel = { task.cancel() } }
        try await task.value
    }

    public func updated(_ report: StepReport) {
        let cancel = state.withLock { state in
            state.updates.append(report)
            return report.update == cancelsAfter ? state.cancel : nil
        }
        cancel?()
    }

    public func saved(update: Int, path: String) { state.withLock { $0.saved.append(update) } }
    public func resumed(update: Int, path: String) { state.withLock { $0.resumedAfter = update } }
    public func prepared(_ what: String, done: Int, total: Int) {}
    public func skipped(_ counts: [(kind: String, count: Int)]) {}
}
