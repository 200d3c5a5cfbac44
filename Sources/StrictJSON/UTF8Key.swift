/// A string as a dictionary key, equal only when the bytes are: Swift's own comparison takes canonically equivalent strings for the same.
package struct UTF8Key: Hashable, Sendable {
    package let string: String

    package init(_ string: String) { self.string = string }

    package static func == (left: UTF8Key, right: UTF8Key) -> Bool { left.string.utf8.elementsEqual(right.string.utf8) }

    package func hash(into hasher: inout Hasher) {
        var string = string
        string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
