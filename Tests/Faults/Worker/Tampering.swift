import Cluster
import ClusterHarness
import Foundation
import Glibc
import Synchronization
import Tensors
import Wire

/// Misbehaviour that shows in messages.
final class Tampering: Sendable {
    private let fault: FaultDescription
    private let arrived = Mutex(0)
    private let replied = Mutex(0)

    init(_ fault: FaultDescription) { self.fault = fault }

    var interception: WorkerInterception {
        WorkerInterception(received: { self.received($0) }, sending: { self.sending($0) })
    }

    private func received(_ message: CoordinatorMessage) -> CoordinatorMessage? {
        guard case .tile = message else { return message }
        if isConcerned(arrived), fault.kind == .killReceiving { kill(getpid(), SIGKILL) }
        return message
    }

    private func sending(_ message: WorkerMessage) -> [WorkerMessage] {
        guard case .tileDone(let done) = message, isConcerned(replied) else { return [message] }
        switch fault.kind {
        case .killReplying: kill(getpid(), SIGKILL)
        case .killReplied:
            // The socket takes the message when this returns.
            Thread.detachNewThread {
                usleep(1000)
                kill(getpid(), SIGKILL)
            }
        case .wrongShape: return [.tileDone(done.replacing(rows: done.payload.rows + 1, with: 1))]
        case .notANumber: return [.tileDone(done.replacing(rows: done.payload.rows, with: .nan))]
        case .duplicate: return [message, message]
        case .killReceiving, .killComputing, .leak, .slow: break
        }
        return [message]
    }

    /// Counts a tile.
    private func isConcerned(_ counter: borrowing Mutex<Int>) -> Bool {
        let number = counter.withLock { count in
            count += 1
            return count
        }
        return fault.concerns(number)
    }
}

extension TileDone {
    /// The same reply with other rows.
    fileprivate func replacing(rows: Int, with value: Float) -> TileDone {
        let width = payload.width
        let storage = Storage.filled(byteCount: rows * width * MemoryLayout<Float>.size) { bytes in
            bytes.bindMemory(to: Float.self).update(repeating: value)
        }
        var copy = self
        if let tensor = try? Tensor(dtype: .float32, shape: [rows, width], storage: storage), let payload = try? Payload(tensor) {
            copy.payload = payload
        }
        return copy
    }
}
