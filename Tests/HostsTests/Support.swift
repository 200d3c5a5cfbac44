import ClusterHarness
import Foundation
import Testing

/// The parent of all suites that make hosts: they run one after the other.
@Suite(.serialized) struct TestHosts {}

extension Trait where Self == ConditionTrait {
    /// Skips, naming what this machine lacks.
    static func abilities(_ needs: Set<HostAbility>) -> Self {
        let lack = HostAbilities.here.lack(needs.union([.namespaces]))
        return .enabled(if: lack == nil, Comment(rawValue: lack ?? ""))
    }
}

/// Echo requests from one host to another.
struct Echoes {
    let answered: Int
    /// The quickest round trip; nil when none was answered.
    let quickest: Duration?

    /// - Parameter patience: seconds to wait after the last request, if nothing has come back yet
    init(from: TestHost, to: TestHost, count: Int = 3, patience: Double = 5) {
        let command = ["ping", "-n", "-c", "\(count)", "-i", "0.05", "-W", "\(patience)", to.address]
        // ping fails when nothing comes back.
        let text = (try? from.run(["sh", "-c", command.joined(separator: " ") + " || true"])) ?? ""
        let times = text.split(separator: "\n").compactMap { line -> Double? in
            guard let start = line.range(of: "time=") else { return nil }
            return Double(line[start.upperBound...].prefix { $0 != " " })
        }
        answered = times.count
        quickest = times.min().map { .microseconds($0 * 1000) }
    }
}

extension TestHost {
    /// Echo requests that have arrived here.
    func echoesReceived() throws -> Int {
        let lines = try run(["cat", "/proc/net/snmp"]).split(separator: "\n").filter { $0.hasPrefix("Icmp:") }.map { $0.split(separator: " ") }
        let column = try #require(lines.first?.firstIndex(of: "InEchos"))
        return try #require(Int(lines[1][column]))
    }
}
