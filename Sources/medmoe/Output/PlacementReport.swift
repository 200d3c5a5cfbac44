import Cluster
import Foundation

/// A plan as a table, as JSON, and as lines for a shell.
struct PlacementReport {
    let plan: Placement
    let domains: [String]
    let replicasWanted: Int

    private func name(of worker: Int) -> String { "worker-\(worker)" }

    private func name(ofExpert expert: Int) -> String { domains.indices.contains(expert) ? "\(expert) \(domains[expert])" : "\(expert)" }

    var text: String {
        var workers = TextTable(["worker", "experts", "MiB", "share of rows"])
        for (worker, experts) in plan.experts.enumerated() {
            workers.add([
                name(of: worker), experts.isEmpty ? "none" : experts.map(name(ofExpert:)).joined(separator: ", "),
                String(format: "%.1f", Double(plan.bytes[worker]) / 1_048_576), String(format: "%.0f %%", 100 * plan.load[worker]),
            ])
        }
        var experts = TextTable(["expert", "replicas", "workers"])
        for (expert, replicas) in plan.replicas.enumerated() {
            let holders = plan.experts.indices.filter { plan.experts[$0].contains(expert) }.map(name(of:))
            experts.add([name(ofExpert: expert), "\(replicas)", holders.joined(separator: ", ")])
        }
        return workers.text + "\n\n" + experts.text
    }

    /// One line per worker that holds something: its name, a blank, its experts separated by commas.
    var lines: String {
        plan.experts.enumerated().filter { !$0.element.isEmpty }
            .map { "\(name(of: $0.offset)) \($0.element.map(String.init).joined(separator: ","))\n" }.joined()
    }

    func json() throws -> String {
        struct Report: Encodable {
            struct Worker: Encodable {
                var name: String
                var experts: [Int]
                var domains: [String]
                var bytes: Int
                var shareOfRows: Double
            }

            struct Expert: Encodable {
                var expert: Int
                var domain: String?
                var replicas: Int
            }

            var workers: [Worker]
            var experts: [Expert]
        }
        func domain(_ expert: Int) -> String? { domains.indices.contains(expert) ? domains[expert] : nil }
        let report = Report(
            workers: plan.experts.enumerated().map { worker, experts in
                Report.Worker(
                    name: name(of: worker), experts: experts, domains: experts.compactMap(domain), bytes: plan.bytes[worker],
                    shareOfRows: (plan.load[worker] * 1e6).rounded() / 1e6)
            },
            experts: plan.replicas.enumerated().map { Report.Expert(expert: $0, domain: domain($0), replicas: $1) })
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
    }

    /// What somebody who reads the plan should know.
    var warnings: [String] {
        var warnings: [String] = []
        let few = plan.replicas.indices.filter { plan.replicas[$0] < replicasWanted }
        if !few.isEmpty {
            warnings.append(
                "there is no room for \(replicasWanted) copies of expert \(few.map(name(ofExpert:)).joined(separator: ", ")): give more memory or more workers")
        }
        let idle = plan.experts.indices.filter { plan.experts[$0].isEmpty }
        if !idle.isEmpty { warnings.append("\(idle.map(name(of:)).joined(separator: ", ")): no expert fits, or none is needed") }
        return warnings
    }
}
