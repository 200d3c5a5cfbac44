import MedMoE
import Tensors
import Testing
import Wire

@testable import Cluster

extension WorkerBench {
    fileprivate mutating func assign(_ id: UInt64, link: Int = 0, epoch: UInt64 = 5, add: [Int] = [], drop: [Int] = []) {
        handle(.message(link: link, .assign(Assign(epoch: epoch, assignment: id, add: add, drop: drop))))
    }

    fileprivate mutating func loaded(_ experts: [Int]) throws {
        handle(.loaded(.success(try holdings(addresses(layers: 0..<2, experts: experts)))))
    }

    fileprivate var loads: [(add: Set<Int>, drop: Set<Int>)] {
        directives.compactMap { if case .load(let add, let drop) = $0 { (add, drop) } else { nil } }
    }

    fileprivate var unloads: [Set<Int>] { directives.compactMap { if case .unload(let experts) = $0 { experts } else { nil } } }

    fileprivate func assigned(_ link: Int = 0) -> [Assigned] {
        sent(link).compactMap { if case .assigned(let assigned) = $0 { assigned } else { nil } }
    }

    /// The experts that were announced on a link, announcement by announcement.
    fileprivate func announced(_ link: Int = 0) -> [Set<Int>] {
        sent(link).compactMap { if case .holdings(let changed) = $0 { Set(changed.holdings.map(\.expert)) } else { nil } }
    }
}

@Suite struct WorkerAssignmentTests {
    @Test func newExpertsAreAnnouncedToAllCoordinatorsBeforeTheAssignmentIsDone() throws {
        var bench = try WorkerBench(links: 2)
        bench.welcome(0, epoch: 5)
        bench.welcome(1, epoch: 6)
        bench.assign(77, add: [2])
        #expect(bench.loads.map(\.add) == [[2]])
        // Not there yet.
        try bench.give(1, expert: 2)
        #expect(bench.failures.map(\.code) == [.notHeld] && bench.announced().isEmpty)
        try bench.loaded([0, 1, 2])
        #expect(bench.announced(0) == [[0, 1, 2]] && bench.announced(1) == [[0, 1, 2]])
        #expect(bench.unloads == [[]] && bench.assigned().isEmpty)
        bench.handle(.unloaded)
        #expect(bench.assigned(0) == [Assigned(epoch: 5, assignment: 77, failure: nil)] && bench.assigned(1).isEmpty)
        try bench.give(2, link: 1, epoch: 6, expert: 2)
        #expect(bench.jobs.count == 1)
    }

    @Test func tilesThatWereTakenForADroppedExpertAreComputedBeforeItGoes() throws {
        var bench = try WorkerBench { $0.computeDepth = 1 }
        bench.welcome()
        for (id, expert) in [(1, 1), (2, 0), (3, 1)] as [(UInt64, Int)] { try bench.give(id, expert: expert) }
        bench.assign(1, drop: [1])
        try bench.loaded([0])
        #expect(bench.announced() == [[0]] && bench.unloads.isEmpty)
        try bench.give(4, expert: 1)
        #expect(bench.failures.map(\.tile) == [4] && bench.failures.map(\.code) == [.notHeld])
        for index in 0..<3 {
            #expect(bench.unloads.isEmpty)
            try bench.finish(index)
        }
        #expect(bench.done.map(\.done.tile) == [1, 2, 3])
        #expect(bench.unloads == [[1]] && bench.assigned().isEmpty)
        bench.handle(.unloaded)
        #expect(bench.assigned().map(\.failure) == [nil])
    }

    @Test func aFailureChangesNothingAndSaysWhy() throws {
        var bench = try WorkerBench()
        bench.welcome()
        bench.assign(1, add: [9])
        bench.handle(.loaded(.failure(AssignmentError("there is no expert 9"))))
        #expect(bench.assigned().map(\.failure) == ["there is no expert 9"])
        #expect(bench.announced().isEmpty && bench.unloads.isEmpty)
        bench.assign(2, add: [2])
        #expect(bench.loads.count == 2)
    }

    @Test func oneAssignmentAtATimeAndNoneWhileLeaving() throws {
        var bench = try WorkerBench(links: 2)
        bench.welcome(0, epoch: 5)
        bench.welcome(1, epoch: 6)
        bench.assign(1, add: [2])
        bench.assign(2, link: 1, epoch: 6, add: [3])
        bench.assign(3, link: 1, epoch: 4, add: [3])
        #expect(bench.loads.count == 1)
        #expect(bench.assigned(1).map(\.assignment) == [2] && bench.assigned(1).first?.failure?.contains("busy") == true)
        try bench.give(1)
        bench.handle(.leave(reason: "test"))
        bench.assign(4, link: 1, epoch: 6, add: [3])
        #expect(bench.assigned(1).last?.failure?.contains("leaving") == true && bench.loads.count == 1)
    }

    @Test func aNewConnectionLearnsWhatIsHeldNow() throws {
        var bench = try WorkerBench(links: 2)
        bench.welcome(0)
        bench.assign(1, add: [2], drop: [0])
        try bench.loaded([1, 2])
        bench.handle(.unloaded)
        // Its Hello was under way with the old holdings.
        #expect(bench.announced(1).isEmpty)
        bench.welcome(1, epoch: 6)
        #expect(bench.announced(1) == [[1, 2]])
        // A reconnect says it in the Hello.
        bench.handle(.message(link: 0, .rejected(Rejection(code: .helloFirst, reason: "who?"))))
        bench.advance(.milliseconds(50))
        guard case .hello(let hello)? = bench.sent(0).last else {
            Issue.record("\(bench.sent(0))")
            return
        }
        #expect(Set(hello.holdings.map(\.expert)) == [1, 2])
        bench.welcome(0, epoch: 8)
        // And again behind the Welcome, which may answer an older Hello.
        #expect(bench.announced(0) == [[1, 2], [1, 2]])
        try bench.give(1, epoch: 8, expert: 0)
        #expect(bench.failures.map(\.code) == [.notHeld])
    }

    @Test func theEndIsNotToldToAnotherSession() throws {
        var bench = try WorkerBench()
        bench.welcome()
        bench.assign(1, add: [2])
        bench.welcome(epoch: 6)
        try bench.loaded([0, 1, 2])
        bench.handle(.unloaded)
        #expect(bench.assigned().isEmpty && bench.announced() == [[0, 1, 2]])
    }

    @Test func moreThanAHelloCanNameIsRefusedAndUnloaded() throws {
        var bench = try WorkerBench()
        bench.welcome()
        bench.assign(1, add: [2])
        let many = try holdings(addresses(layers: 0..<40, experts: Array(0..<64)))
        bench.handle(.loaded(.success(many)))
        #expect(bench.assigned().count == 1 && bench.assigned()[0].failure?.contains("2560") == true)
        #expect(bench.unloads == [Set(2..<64)])
        bench.handle(.unloaded)
        #expect(bench.assigned().count == 1)
        try bench.give(1)
        #expect(bench.jobs.count == 1)
    }
}
