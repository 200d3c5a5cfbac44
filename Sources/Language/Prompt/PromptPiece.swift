/// A part of a prompt: text that is tokenised by itself, or the place of an image.
public enum PromptPiece: Sendable, Hashable {
    /// Text, never empty.
    case text(String)
    /// The image with this number, counted from 0 in the order of the places.
    case image(Int)
}

/// A part of a prompt as the model takes it: token ids, or the place of an image's features.
public enum PromptSegment: Sendable, Hashable {
    /// Token ids, never empty.
    case tokens([Int])
    /// The image with this number, counted from 0.
    case image(Int)
}

/// Image places in plain text.
public enum ImagePlaces {
    /// The mark of an image place. It is not a token: the text is split there.
    public static let marker = "<image>"

    /// How many places a text has.
    static func count(in text: String) -> Int { split(text).count - 1 }

    /// A text without the marks.
    static func removing(from text: String) -> String { split(text).joined() }

    /// The texts between the marks, one more than there are marks.
    ///
    /// Compares bytes: a combining mark after `<image>` must not hide it, as it would in a comparison of characters.
    static func split(_ text: String) -> [String] {
        let mark = Array(marker.utf8)
        let bytes = Array(text.utf8)
        var parts: [String] = []
        var start = 0
        var position = 0
        while position + mark.count <= bytes.count {
            if bytes[position] == mark[0], bytes[position..<(position + mark.count)].elementsEqual(mark) {
                parts.append(String(decoding: bytes[start..<position], as: UTF8.self))
                position += mark.count
                start = position
            } else {
                position += 1
            }
        }
        parts.append(String(decoding: bytes[start...], as: UTF8.self))
        return parts
    }

    /// The pieces of a whole prompt whose image places are marked.
    ///
    /// - Throws: `PromptError.imageCountMismatch` unless there is exactly one place per image.
    public static func pieces(ofPrompt text: String, imageCount: Int) throws(PromptError) -> [PromptPiece] {
        let parts = split(text)
        guard parts.count - 1 == imageCount else { throw .imageCountMismatch(places: parts.count - 1, images: imageCount) }
        var pieces: [PromptPiece] = []
        for (index, part) in parts.enumerated() {
            if index > 0 { pieces.append(.image(index - 1)) }
            if !part.isEmpty { pieces.append(.text(part)) }
        }
        return pieces
    }
}
