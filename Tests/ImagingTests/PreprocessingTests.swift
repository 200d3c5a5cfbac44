import Testing

@testable import Imaging

@Suite("Preprocessing")
struct PreprocessingTests {
    @Test("Squares are byte-equal with Pillow's, in both aspect modes, scaled up and down", arguments: Fixtures.images.map(\.name))
    func squares(name: String) throws {
        let expected = try #require(Fixtures.images.first { $0.name == name }).squares
        let image = try ImageDecoder(pillowExact: true).decode(Fixtures.image(name), named: name)
        for aspect in AspectMode.allCases {
            for side in [14, 56] {
                let configuration = try ImageProcessorConfiguration(side: side)
                let square = try ImagePreprocessor(configuration: configuration, aspect: aspect).squared(image)
                #expect(square.width == side)
                #expect(square.height == side)
                #expect(fingerprint(square.bytes) == expected["\(aspect)\(side)"], "\(aspect) \(side)")
                let older = try ImagePreprocessor(configuration: configuration, aspect: aspect, order: .rowsFirst).squared(image)
                #expect(
                    fingerprint(older.bytes) == expected["\(aspect)\(side).rowsFirst"] ?? expected["\(aspect)\(side)"], "\(aspect) \(side)")
            }
        }
    }

    @Test("Pillow's versions differ for tall images that are cut, and for no others")
    func ordersDiffer() {
        let affected = Fixtures.images.flatMap { image in image.squares.keys.filter { $0.hasSuffix("rowsFirst") }.map { (image.name, $0) } }
        #expect(affected.count >= 10)
        for (name, key) in affected {
            #expect(name.contains("tall") || name == "size-30x100.png", "\(name)")
            #expect(key.hasPrefix("crop14"), "\(key)")
        }
    }

    @Test("Pixel values are equal to the CLIP processor's to the last bit", arguments: Fixtures.images.map(\.name).filter { $0.hasPrefix("size-") })
    func values(name: String) throws {
        let expected = try #require(Fixtures.images.first { $0.name == name }).squares
        let image = try ImageDecoder(pillowExact: true).decode(Fixtures.image(name), named: name)
        for aspect in AspectMode.allCases {
            for side in [14, 56] {
                let preprocessor = ImagePreprocessor(configuration: try ImageProcessorConfiguration(side: side), aspect: aspect)
                let values = try preprocessor.pixelValues(image)
                #expect(values.side == side)
                #expect(values.values.count == 3 * side * side)
                #expect(fingerprint(values.values) == expected["\(aspect)\(side).values"], "\(aspect) \(side)")
            }
        }
    }

    @Test("Padding puts the odd pixel behind the image and has the mean colour")
    func padding() throws {
        let image = try #require(RGBImage(width: 1, height: 4, bytes: [UInt8](repeating: 200, count: 12)))
        let square = try ImagePreprocessor(configuration: try ImageProcessorConfiguration(side: 4), aspect: .pad).squared(image)
        let row = Array(square.bytes[0..<12])
        #expect(row == [122, 116, 104, 200, 200, 200, 122, 116, 104, 122, 116, 104])
    }

    @Test("A single colour stays that colour, at extreme ratios too", arguments: [(1, 16_384), (16_384, 1), (3, 9_001), (1, 1)])
    func constantImages(size: (width: Int, height: Int)) throws {
        let image = try #require(
            RGBImage(width: size.width, height: size.height, bytes: [UInt8](repeating: 255, count: size.width * size.height * 3)))
        let cropped = try ImagePreprocessor(configuration: try ImageProcessorConfiguration(side: 5), aspect: .crop).squared(image)
        #expect(cropped.bytes == [UInt8](repeating: 255, count: 75))
        let padded = try ImagePreprocessor(configuration: try ImageProcessorConfiguration(side: 5), aspect: .pad).squared(image)
        #expect(padded.width == 5)
        #expect(Array(padded.bytes[0..<3]) == (size == (1, 1) ? [255, 255, 255] : [122, 116, 104]))
    }

    @Test("A cut larger than the scaled image gets a black border, the larger half in front")
    func blackBorder() throws {
        let configuration = ImageProcessorConfiguration(
            shortestEdge: 2, cropSide: 5, rescaleFactor: nil, imageMean: [0, 0, 0], normaliseBy: nil)
        let image = try #require(RGBImage(width: 1, height: 1, bytes: [9, 8, 7]))
        let square = try ImagePreprocessor(configuration: configuration, aspect: .crop).squared(image)
        let red = stride(from: 0, to: 75, by: 3).map { square.bytes[$0] }
        #expect(red == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 0, 0, 0, 9, 9, 0, 0, 0, 0, 0, 0])
    }

    @Test("Without rescaling and normalising the values are the bytes, channel by channel")
    func plainValues() throws {
        let configuration = ImageProcessorConfiguration(
            shortestEdge: nil, cropSide: nil, rescaleFactor: nil, imageMean: [0, 0, 0], normaliseBy: nil)
        let image = try #require(RGBImage(width: 2, height: 2, bytes: Array(0..<12)))
        let values = try ImagePreprocessor(configuration: configuration, aspect: .crop).pixelValues(image)
        #expect(values.values == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11])
    }

    @Test("An image that stays oblong or becomes too large for any encoder is an error")
    func notSquare() throws {
        let configuration = ImageProcessorConfiguration(
            shortestEdge: nil, cropSide: nil, rescaleFactor: nil, imageMean: [0, 0, 0], normaliseBy: nil)
        let oblong = try #require(RGBImage(width: 2, height: 1, bytes: Array(0..<6)))
        #expect(throws: ImageError.notEncoderInput(width: 2, height: 1)) {
            try ImagePreprocessor(configuration: configuration, aspect: .crop).squared(oblong)
        }
        let long = try #require(RGBImage(width: 16_384, height: 1, bytes: [UInt8](repeating: 0, count: 49_152)))
        #expect(throws: ImageError.notEncoderInput(width: 16_384, height: 16_384)) {
            try ImagePreprocessor(configuration: configuration, aspect: .pad).squared(long)
        }
    }
}
