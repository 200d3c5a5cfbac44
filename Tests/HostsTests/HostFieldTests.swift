import ClusterHarness
import Foundation
import Testing

extension TestHosts {
    /// Hosts and what can happen between them.
    @Suite(.abilities([])) struct Fields {
        @Test("hosts reach each other by address and by name, near and far, and nothing else", .abilities([.delay]))
        func hostsReachEachOtherByAddressAndByName() throws {
            let field = try HostField([HostPlan("one"), HostPlan("two"), HostPlan("far", isFar: true), HostPlan("farther", isFar: true)])
            for from in field.hosts {
                for to in field.hosts where from !== to {
                    #expect(Echoes(from: from, to: to, count: 1).answered == 1, "\(from.name) to \(to.name)")
                }
            }
            #expect(try field.hosts[0].run(["getent", "hosts", "far"]).hasPrefix(field.hosts[2].address))
            #expect(try field.hosts[0].run(["ip", "route"]).split(separator: "\n").count == 1, "one route, to the other hosts")
            field.close()
        }

        @Test("a one-way blackhole cuts exactly that way", .abilities([.loss, .delay]), arguments: [false, true])
        func aOneWayBlackholeCutsExactlyThatWay(isFar: Bool) throws {
            let field = try HostField([HostPlan("one"), HostPlan("two", isFar: isFar)])
            let (one, two) = (field.hosts[0], field.hosts[1])
            #expect(Echoes(from: one, to: two, count: 1).answered == 1)
            #expect(Echoes(from: two, to: one, count: 1).answered == 1)
            for direction in NetworkCondition.Direction.allCases {
                try two.impose(NetworkCondition(blackhole: [direction]))
                let (oneBefore, twoBefore) = (try one.echoesReceived(), try two.echoesReceived())
                // Neither hears an answer, but the requests arrive in the direction that is open.
                #expect(Echoes(from: one, to: two, patience: 0.5).answered == 0)
                #expect(Echoes(from: two, to: one, patience: 0.5).answered == 0)
                #expect(try two.echoesReceived() - twoBefore == (direction == .incoming ? 0 : 3), "\(direction)")
                #expect(try one.echoesReceived() - oneBefore == (direction == .incoming ? 3 : 0), "\(direction)")
            }
            try two.heal()
            #expect(Echoes(from: one, to: two, count: 1).answered == 1)
        }

        @Test("loss hits a part of the packets", .abilities([.loss]))
        func lossHitsAPartOfThePackets() throws {
            let field = try HostField([HostPlan("one"), HostPlan("two")])
            let (one, two) = (field.hosts[0], field.hosts[1])
            #expect(Echoes(from: one, to: two, count: 1).answered == 1)
            try two.impose(NetworkCondition(loss: 0.5))
            let before = try two.echoesReceived()
            _ = try one.run(["sh", "-c", "ping -q -f -c 200 \(two.address) || true"])
            let arrived = try two.echoesReceived() - before
            #expect((60...140).contains(arrived), "of 200, at 50 %")
        }

        @Test("a far host's delay is seen in round trips, and ends", .abilities([.delay]))
        func aFarHostsDelayIsSeenInRoundTripsAndEnds() throws {
            let field = try HostField([HostPlan("one"), HostPlan("far", isFar: true)])
            let (one, far) = (field.hosts[0], field.hosts[1])
            try far.impose(NetworkCondition(delay: .milliseconds(40)))
            let delayed = Echoes(from: one, to: far)
            #expect(delayed.answered == 3)
            #expect(try #require(delayed.quickest) >= .milliseconds(80))
            try far.heal()
            // The quickest of many: the machine may be busy.
            #expect(try #require(Echoes(from: one, to: far, count: 20).quickest) < .milliseconds(40))
            #expect(throws: HarnessError.self) { try one.impose(NetworkCondition(delay: .milliseconds(1))) }
        }

        @Test("a rate limit holds", .abilities([.rateLimit, .delay]), arguments: [false, true])
        func aRateLimitHolds(isFar: Bool) throws {
            let field = try HostField([HostPlan("one"), HostPlan("two", rate: 1_000_000, isFar: isFar)])
            // 60 packets of 1442 bytes are 692 kbit, of which the bucket passes 40 at once.
            let start = ContinuousClock.now
            _ = try field.hosts[0].run(["ping", "-q", "-f", "-c", "60", "-s", "1400", field.hosts[1].address])
            #expect(start.duration(to: .now) > .milliseconds(500))
        }

        @Test("a host's processes share its part of a core", .abilities([.processorLimit]))
        func aHostsProcessesShareItsPartOfACore() throws {
            let field = try HostField([HostPlan("slow", processorShare: 0.1)])
            let start = ContinuousClock.now
            let count = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done"
            let said = try field.hosts[0].run(["sh", "-c", "(\(count)) & (\(count)) & wait; cut -d ' ' -f 16,17 /proc/$$/stat"])
            let elapsed = start.duration(to: .now)
            // Ticks of the children that have ended, in hundredths of a second.
            let used = said.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.reduce(0, +)
            #expect(used >= 2, "the test did not use the processor")
            #expect(elapsed > .milliseconds(used * 10 * 4), "\(used) hundredths of a second of processor time")
        }

        @Test("a host's memory is limited", .abilities([.memoryLimit]))
        func aHostsMemoryIsLimited() throws {
            let field = try HostField([HostPlan("small", memory: 48 << 20), HostPlan("large")])
            // tail keeps a line that does not end. Which process of the host the kernel ends for it is the kernel's choice.
            let command = ["sh", "-c", "head -c 100000000 /dev/zero | tail -n 1 2>/dev/null | wc -c"]
            let limited = try? field.hosts[0].run(command)
            #expect(limited?.contains("100000000") != true)
            #expect(try field.hosts[1].run(command).hasPrefix("100000000"))
        }

        @Test("a failed plan leaves nothing and says why")
        func aFailedPlanLeavesNothingAndSaysWhy() throws {
            #expect(throws: HarnessError.self) { try HostField([HostPlan("one"), HostPlan("one")]) }
            #expect(throws: HarnessError.self) { try HostField([HostPlan("a b")]) }
            #expect(throws: HarnessError.self) { try HostField([HostPlan("one", rate: 1)]) }
            #expect(throws: HarnessError.self) { try HostField([]) }
        }

        @Test("what ran on a host and the host itself end with the field")
        func whatRanOnAHostAndTheHostItselfEnd() async throws {
            let program = try Program()
            let field = try HostField([HostPlan("one", processorShare: 0.5)])
            let sleeper = try program.on(field.hosts[0]).startCommand(["/bin/sleep", "1000"])
            // The launcher has become the command, there.
            try await eventually(within: .seconds(10), "the command runs") {
                try String(contentsOfFile: "/proc/\(sleeper.processID)/comm", encoding: .utf8) == "sleep\n"
            }
            let namespace = "/run/netns/" + field.hosts[0].namespace
            #expect(FileManager.default.fileExists(atPath: namespace))
            field.close()
            try await eventually(within: .seconds(10), "the process ends") { sleeper.end == .signalled(9) }
            #expect(!FileManager.default.fileExists(atPath: namespace))
            #expect(System.traces(of: getpid()).isEmpty)
        }
    }
}
