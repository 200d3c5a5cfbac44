import Testing

@testable import Imaging

@Suite("Decoding")
struct DecodingTests {
    @Test("All fixtures are there")
    func fixturesAreThere() {
        #expect(Fixtures.images.count == 113)
    }

    @Test("In the Pillow-exact mode every kind of file gives Pillow's pixels", arguments: Fixtures.images.map(\.name))
    func equalsPillow(name: String) throws {
        let expected = try #require(Fixtures.images.first { $0.name == name }).pillow
        let image = try ImageDecoder(pillowExact: true).decode(Fixtures.image(name), named: name)
        #expect(image.width == expected.width)
        #expect(image.height == expected.height)
        if let hex = expected.hex {
            #expect(image.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == hex)
        }
        #expect(fingerprint(image.bytes) == expected.rgb)
    }

    @Test("By default images are upright and 16-bit samples scaled", arguments: Fixtures.images.map(\.name))
    func uprightAndScaled(name: String) throws {
        let expected = try #require(Fixtures.images.first { $0.name == name }).upright
        let image = try ImageDecoder().decode(Fixtures.image(name), named: name)
        #expect(image.width == expected.width)
        #expect(image.height == expected.height)
        #expect(fingerprint(image.bytes) == expected.rgb)
    }

    @Test("The default mode differs from Pillow exactly where it should")
    func differsOnlyWhereItShould() {
        let different = Fixtures.images.filter { $0.pillow.rgb != $0.upright.rgb || $0.pillow.width != $0.upright.width }.map(\.name)
        for name in different {
            #expect(name.hasPrefix("orientation-") || name.contains("16"), "\(name)")
        }
        #expect(different.filter { $0.hasPrefix("orientation-") }.count == 14)  // 2 to 8, as JPEG and as PNG
        #expect(different.filter { $0.contains("16") }.count == 9)
    }

    @Test("Sixteen bits are scaled with rounding: 65535 is 255, and neighbours differ by 257")
    func sixteenBitScaling() throws {
        // 40 columns of 0, 8, ..., 312 in every row.
        let scaled = try ImageDecoder().decode(Fixtures.image("png-grey16-dark.png"), named: "dark")
        let pillow = try ImageDecoder(pillowExact: true).decode(Fixtures.image("png-grey16-dark.png"), named: "dark")
        for column in 0..<40 {
            #expect(scaled.bytes[3 * column] == (8 * column <= 128 ? 0 : 1))
            #expect(pillow.bytes[3 * column] == UInt8(min(255, 8 * column)))
        }
    }

    @Test("CMYK is converted with Pillow's rounding for every amount of ink")
    func inkRounding() {
        for paper in 0..<256 {
            for value in 0..<256 {
                let ink = Double(255 - value) * Double(paper) / 255
                let expected = Double(paper) - ink.rounded(.toNearestOrAwayFromZero)
                #expect(Double(InvertedCMYK.rgb([UInt8(value), 0, 0, UInt8(paper)])[0]) == expected)
            }
        }
    }

    @Test("The format is found from the content, whatever the name")
    func formatFromContent() throws {
        let image = try ImageDecoder().decode(Fixtures.image("png-rgb8.png"), named: "misnamed.jpg")
        #expect(image.width == 19)
    }

    @Test("A raw image is accepted only with the right number of bytes")
    func rawImages() {
        #expect(RGBImage(width: 2, height: 1, bytes: [1, 2, 3, 4, 5, 6]) != nil)
        #expect(RGBImage(width: 2, height: 1, bytes: [1, 2, 3]) == nil)
        #expect(RGBImage(width: 0, height: 1, bytes: []) == nil)
        #expect(RGBImage(width: -1, height: -1, bytes: [1, 2, 3]) == nil)
        #expect(RGBImage(width: .max, height: .max, bytes: [1, 2, 3]) == nil)
    }
}
