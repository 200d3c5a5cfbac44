/// Cuts normalised text into the pieces within which byte-pair encoding works: steps applied one after the other, as in Hugging Face
/// `tokenizers`.
struct PreTokenizer: Sendable {
    /// What a split does with its matches and with what lies between them.
    enum SplitBehaviour: String, Sendable, CaseIterable {
        case removed = "Removed"
        case isolated = "Isolated"
        case mergedWithPrevious = "MergedWithPrevious"
        case mergedWithNext = "MergedWithNext"
        case contiguous = "Contiguous"
    }

    /// What counts as a match of a split.
    enum Matcher: Sendable, Hashable {
        case pattern(SplitPattern)
        /// These bytes, literally.
        case literal([UInt8])
        /// A digit: one by one, or a run of them.
        case digits(oneByOne: Bool)
    }

    enum Step: Sendable, Hashable {
        /// `inverted` exchanges matches and gaps.
        case split(Matcher, SplitBehaviour, inverted: Bool)
        /// A blank before a piece that does not start with one.
        case prefixSpace
    }

    let steps: [Step]
    /// The pattern when the only step is to isolate its matches: no list of ranges is needed then.
    private let onlyPattern: SplitPattern?

    init(steps: [Step]) {
        self.steps = steps
        if steps.count == 1, case .split(.pattern(let pattern), .isolated, _) = steps[0] {
            onlyPattern = pattern
        } else {
            onlyPattern = nil
        }
    }

    /// Calls `body` with every piece, in order; none is empty.
    func forEachPiece(of text: UTF8Text, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        if let onlyPattern {
            onlyPattern.forEachPiece(of: text) { body(UnsafeBufferPointer(rebasing: text.bytes[$0])) }
        } else {
            apply(stepsFrom: 0, to: text, body)
        }
    }

    @inline(never)
    private func apply(stepsFrom index: Int, to text: UTF8Text, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        guard text.count > 0 else { return }
        guard index < steps.count else { return body(text.bytes) }
        switch steps[index] {
        case .prefixSpace:
            guard text.bytes[0] != UInt8(ascii: " ") else { return apply(stepsFrom: index + 1, to: text, body) }
            ([UInt8(ascii: " ")] + Array(text.bytes)).withUnsafeBufferPointer {
                apply(stepsFrom: index + 1, to: UTF8Text(bytes: $0, classes: text.classes), body)
            }
        case .split(let matcher, let behaviour, let inverted):
            let spans = matcher.spans(in: text, inverted: inverted)
            for range in behaviour.ranges(of: spans) {
                let part = UnsafeBufferPointer(rebasing: text.bytes[range])
                apply(stepsFrom: index + 1, to: UTF8Text(bytes: part, classes: text.classes), body)
            }
        }
    }
}

/// A stretch of the text: a match or a gap between matches.
struct SplitSpan {
    var range: Range<Int>
    var isMatch: Bool
}

extension PreTokenizer.Matcher {
    /// The whole text as matches and gaps, in order.
    func spans(in text: UTF8Text, inverted: Bool) -> [SplitSpan] {
        var spans: [SplitSpan] = []
        func add(_ range: Range<Int>, _ isMatch: Bool) {
            if !range.isEmpty { spans.append(SplitSpan(range: range, isMatch: isMatch != inverted)) }
        }
        switch self {
        case .pattern(let pattern):
            pattern.forEachPiece(of: text) { add($0, true) }
        case .literal(let bytes):
            var gap = 0
            var position = 0
            while !bytes.isEmpty, position + bytes.count <= text.count {
                if UnsafeBufferPointer(rebasing: text.bytes[position..<(position + bytes.count)]).elementsEqual(bytes) {
                    add(gap..<position, false)
                    add(position..<(position + bytes.count), true)
                    position += bytes.count
                    gap = position
                } else {
                    position += 1
                }
            }
            add(gap..<text.count, false)
        case .digits(let oneByOne):
            var position = 0
            while position < text.count {
                let (kind, length) = text.scalarClass(at: position)
                let isDigit = kind.contains(.digit)
                var end = position + length
                if !isDigit {
                    end = text.endOfRun(from: end, outside: .digit)
                } else if !oneByOne {
                    end = text.endOfRun(from: end, of: .digit)
                }
                add(position..<end, isDigit)
                position = end
            }
        }
        return spans
    }
}

extension PreTokenizer.SplitBehaviour {
    /// The pieces that remain of matches and gaps.
    func ranges(of spans: [SplitSpan]) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var previousWasMatch = false
        switch self {
        case .isolated:
            return spans.map(\.range)
        case .removed:
            return spans.filter { !$0.isMatch }.map(\.range)
        case .contiguous:
            for span in spans {
                if span.isMatch == previousWasMatch, let last = result.last {
                    result[result.count - 1] = last.lowerBound..<span.range.upperBound
                } else {
                    result.append(span.range)
                }
                previousWasMatch = span.isMatch
            }
            return result
        case .mergedWithPrevious:
            for span in spans {
                if span.isMatch, !previousWasMatch, let last = result.last {
                    result[result.count - 1] = last.lowerBound..<span.range.upperBound
                } else {
                    result.append(span.range)
                }
                previousWasMatch = span.isMatch
            }
            return result
        case .mergedWithNext:
            for span in spans.reversed() {
                if span.isMatch, !previousWasMatch, let last = result.last {
                    result[result.count - 1] = span.range.lowerBound..<last.upperBound
                } else {
                    result.append(span.range)
                }
                previousWasMatch = span.isMatch
            }
            return result.reversed()
        }
    }
}
