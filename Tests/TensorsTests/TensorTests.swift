import Foundation
import Synchronization
import Testing

@testable import Tensors

@Suite struct TensorTests {
    @Test func aViewBeyondItsStorageIsRefused() throws {
        let storage = Storage.filled(byteCount: 64) { $0.initializeMemory(as: UInt8.self, repeating: 1) }
        #expect(throws: TensorError.self) { try Tensor(dtype: .float32, shape: [17], storage: storage) }
        #expect(throws: TensorError.self) { try Tensor(dtype: .float32, shape: [16], storage: storage, byteOffset: 1) }
        #expect(throws: TensorError.self) { try Tensor(dtype: .float32, shape: [-1], storage: storage) }
        #expect(throws: TensorError.self) { try Tensor(dtype: .float32, shape: [.max, .max], storage: storage) }
        #expect(throws: TensorError.self) { try Tensor(dtype: .float32, shape: [1], storage: storage, byteOffset: .max) }
        #expect(try Tensor(dtype: .float32, shape: [4, 4], storage: storage).elementCount == 16)
    }

    @Test func wideningKeepsValuesAndUnalignedViewsAreCopied() throws {
        let bytes: [UInt8] = [0, 0, 0x80, 0x3f, 0, 0, 0x40]
        let storage = bytes.withUnsafeBytes { raw in Storage.filled(byteCount: 7) { $0.copyMemory(from: raw) } }
        #expect(try Tensor(dtype: .bfloat16, shape: [2], storage: storage, byteOffset: 2).floats() == [1, 0])
        #expect(try Tensor(dtype: .float32, shape: [1], storage: storage, byteOffset: 0).floats() == [1])
        #expect(try Tensor(dtype: .float32, shape: [1], storage: storage, byteOffset: 3).floats().count == 1)
        #expect(throws: TensorError.self) { try Tensor([Int64(1)], shape: [1]).float32() }
    }

    @Test func alignedFloat32IsNotCopied() throws {
        let tensor = try Tensor([Float](repeating: 2, count: 4), shape: [2, 2])
        #expect(try tensor.float32().storage === tensor.storage)
    }

    @Test func gatheredRowsKeepTheirOrder() throws {
        let rows = try Rows(try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [3, 2]))
        #expect(try rows.gathered([2, 0, 2]).floats() == [5, 6, 1, 2, 5, 6])
        #expect(rows.slice(1..<3).values == [3, 4, 5, 6])
    }

    @Test func storageIsReleasedOnce() throws {
        let count = Mutex(0)
        let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 4)
        nonisolated(unsafe) let counter = { count.withLock { $0 += 1 } }
        do {
            let storage = Storage(adopting: UnsafeRawBufferPointer(raw)) { bytes in
                counter()
                bytes.deallocate()
            }
            _ = try Tensor(dtype: .uint8, shape: [4], storage: storage)
        }
        #expect(count.withLock { $0 } == 1)
    }
}

@Suite struct RowPoolTests {
    @Test(arguments: [1, 2, 4])
    func everyIndexRunsOnce(threads: Int) {
        let pool = RowPool(threadCount: threads)
        defer { pool.stop() }
        for count in [0, 1, 2, 3, 17, 1000] {
            let seen = Mutex([Int](repeating: 0, count: count))
            pool.forEach(count) { index in seen.withLock { $0[index] += 1 } }
            #expect(seen.withLock { $0 } == [Int](repeating: 1, count: count))
        }
    }

    @Test func aStoppedPoolStillWorks() {
        let pool = RowPool(threadCount: 3)
        pool.stop()
        let sum = Mutex(0)
        pool.forEach(100) { index in sum.withLock { $0 += index } }
        #expect(sum.withLock { $0 } == 4950)
    }
}

@Suite struct ComputeExecutorTests {
    private actor Worker {
        let executor = ComputeExecutor(name: "test-compute")
        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
        func thread() -> ObjectIdentifier { ObjectIdentifier(Thread.current) }
        deinit { executor.stop() }
    }

    @Test func anActorsJobsRunOnItsOwnThread() async {
        let worker = Worker()
        let own = await worker.thread()
        let other = Worker()
        #expect(await other.thread() != own)
        await withTaskGroup(of: ObjectIdentifier.self) { group in
            for _ in 0..<100 { group.addTask { await worker.thread() } }
            for await thread in group { #expect(thread == own) }
        }
    }
}
