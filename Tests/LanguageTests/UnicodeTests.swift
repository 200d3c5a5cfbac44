import Foundation
import Testing

@testable import Language

@Suite struct UnicodeTests {
    @Test func everyCodePointHasTheClassThatTheReferenceLibrariesGiveIt() throws {
        let hashes = try Fixtures.decode([String].self, "class_hashes.json")
        #expect(hashes.count == 17)
        for (plane, hash) in hashes.enumerated() {
            var fnv = FNV()
            for code in UInt32(plane << 16)..<UInt32((plane + 1) << 16) { fnv.add(ScalarClasses.unicode16[code].rawValue) }
            #expect(fnv.hexadecimal == hash, "plane \(plane)")
        }
    }

    @Test(arguments: ["unicode14", "unicode9"])
    func everyCodePointComposesBetweenLettersAndMarksAsInTheReference(version: String) throws {
        let expected = try #require(try Fixtures.decode([String: [String]].self, "normal_forms.json")[version])
        let composition: CanonicalComposition = version == "unicode14" ? .unicode14 : .unicode9
        let starts = Array(stride(from: UInt32(0), to: 0x30000, by: 0x1000)) + [0xE0000]
        #expect(expected.count == starts.count)
        for (start, hash) in zip(starts, expected) {
            var text = ""
            for code in start..<(start + 0x1000) {
                guard let scalar = Unicode.Scalar(code) else { continue }
                for part in [scalar, "a", "\u{345}", scalar, "\u{334}", scalar] { text.unicodeScalars.append(part) }
            }
            var fnv = FNV()
            for byte in text.withUTF8({ composition.composed($0) ?? Array($0) }) { fnv.add(byte) }
            #expect(fnv.hexadecimal == hash, "from \(String(start, radix: 16))")
        }
    }

    @Test func manyCombiningMarksComposeInTime() throws {
        var text = "e" + String(repeating: "\u{301}\u{323}", count: 100_000)
        let composed = try #require(text.withUTF8 { CanonicalComposition.unicode14.composed($0) })
        // ẹ takes the first dot; the other dots come before all accents.
        #expect(String(decoding: composed.prefix(5), as: UTF8.self) == "\u{1EB9}\u{323}")
        #expect(composed.count == 3 + 2 * 199_999)
    }

    @Test func lossyDecodingReplacesMaximalParts() {
        func decoded(_ bytes: [UInt8]) -> String {
            var repair = LossyUTF8()
            var output: [UInt8] = []
            for byte in bytes { repair.push(byte, into: &output) }
            repair.finish(into: &output)
            return String(decoding: output, as: UTF8.self)
        }
        #expect(decoded([0xE2, 0x82, 0xAC]) == "€")
        #expect(decoded([0xE2, 0x82]) == "\u{FFFD}")
        #expect(decoded([0xE2, 0x82, 0x41]) == "\u{FFFD}A")
        #expect(decoded([0xED, 0xA0, 0x80]) == "\u{FFFD}\u{FFFD}\u{FFFD}")
        #expect(decoded([0xF4, 0x90, 0x80]) == "\u{FFFD}\u{FFFD}\u{FFFD}")
        #expect(decoded([0xF0, 0x9F, 0xF0, 0x9F, 0x98, 0x80]) == "\u{FFFD}😀")
        #expect(decoded([0xC0, 0x80, 0xFF]) == "\u{FFFD}\u{FFFD}\u{FFFD}")
    }
}
