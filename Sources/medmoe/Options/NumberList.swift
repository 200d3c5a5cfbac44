import ArgumentParser
import Foundation

/// An option of several numbers, separated by commas.
enum NumberList {
    /// - Throws: `ValidationError` when the list is empty or holds something else, a number twice, or one outside of `range`.
    static func parse(_ list: String, _ option: String, _ range: ClosedRange<Int>) throws -> [Int] {
        let numbers = list.split(separator: ",", omittingEmptySubsequences: false).map { Int($0.trimmingCharacters(in: .whitespaces)) }
        let valid = numbers.compactMap(\.self).filter(range.contains)
        guard valid.count == numbers.count, Set(valid).count == valid.count else {
            throw ValidationError("\(option) is \"\(list)\"; expected different numbers from \(range.lowerBound) to \(range.upperBound), separated by commas")
        }
        return valid
    }
}
