import Foundation

/// What logs are called in legends and file names: the shortest end of their paths that tells them apart.
enum LogNames {
    static func names(of paths: [String]) -> [String] {
        let parts = paths.map { URL(filePath: $0).standardizedFileURL.deletingPathExtension().pathComponents.filter { $0 != "/" } }
        let longest = parts.map(\.count).max() ?? 0
        for count in 1...max(1, longest) {
            let names = parts.map { $0.suffix(count).joined(separator: "/") }
            if Set(names).count == names.count { return names }
        }
        // The same log twice.
        return paths.enumerated().map { "\($0.offset + 1) \($0.element)" }
    }
}
