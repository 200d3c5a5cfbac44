import CProtobufC

/// Memory that a struct points into while it is packed; all of it goes when the arena goes.
final class EncodingArena {
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit {
        for block in blocks { block.deallocate() }
    }

    /// A copy of `elements`; nil when there are none, as protobuf-c has it.
    func array<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafeMutablePointer<Element>? {
        guard !elements.isEmpty else { return nil }
        let block = UnsafeMutablePointer<Element>.allocate(capacity: elements.count)
        block.initialize(from: elements, count: elements.count)
        blocks.append(UnsafeMutableRawPointer(block))
        return block
    }

    /// Bytes of a `bytes` field.
    func data(_ bytes: [UInt8]) -> ProtobufCBinaryData {
        ProtobufCBinaryData(len: bytes.count, data: array(bytes))
    }

    /// A text in a `bytes` field.
    func data(_ text: String) -> ProtobufCBinaryData { data(Array(text.utf8)) }

    /// A text in a `bytes` field, cut to at most `limit` bytes between characters.
    func data(_ text: String, cutTo limit: Int) -> ProtobufCBinaryData {
        guard text.utf8.count > limit else { return data(text) }
        var kept = ""
        var size = 0
        for scalar in text.unicodeScalars {
            size += UTF8.width(scalar)
            if size > limit { break }
            kept.unicodeScalars.append(scalar)
        }
        return data(kept)
    }

    /// Pointers to messages of a repeated field.
    func messages<Message: BitwiseCopyable>(_ messages: [Message]) -> UnsafeMutablePointer<UnsafeMutablePointer<Message>?>? {
        guard let first = array(messages) else { return nil }
        return array(messages.indices.map { Optional(first + $0) })
    }
}
