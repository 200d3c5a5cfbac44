import Testing

@testable import Training

/// What the encoder does to images before it learns from them.
struct AugmentationTests {
    private let side = 24

    private func changed(_ augmentation: Augmentation, _ bytes: [UInt8]) -> [Float] {
        var target = [Float](repeating: -1, count: 3 * side * side)
        bytes.withUnsafeBufferPointer { bytes in
            target.withUnsafeMutableBufferPointer { target in
                if let base = target.baseAddress { augmentation.apply(to: bytes, side: side, target: base) }
            }
        }
        return target
    }

    private func image(_ value: (_ x: Int, _ y: Int, _ channel: Int) -> UInt8) -> [UInt8] {
        (0..<side * side * 3).map { value($0 / 3 % side, $0 / 3 / side, $0 % 3) }
    }

    @Test("seed and update alone decide; images of an update are changed in different ways, within the limits")
    func drawsAreAFunctionOfSeedAndUpdate() {
        let drawn = Augmentation.drawn(500, seed: 7, update: 12)
        #expect(drawn == Augmentation.drawn(500, seed: 7, update: 12))
        #expect(drawn != Augmentation.drawn(500, seed: 7, update: 13) && drawn != Augmentation.drawn(500, seed: 8, update: 12))
        #expect(Set(drawn).count == 500)
        for one in drawn {
            let area = one.zoom * one.zoom
            #expect(area > Augmentation.areas.lowerBound - 1e-5 && area < Augmentation.areas.upperBound + 1e-5)
            #expect(Augmentation.angles.contains(one.angle))
            #expect(Augmentation.factors.contains(one.brightness) && Augmentation.factors.contains(one.contrast))
            // The part lies within the image, but for the turning.
            for center in [one.center.x, one.center.y] { #expect(center - one.zoom / 2 > -1e-5 && center + one.zoom / 2 < 1 + 1e-5) }
        }
    }

    @Test("an even image stays even: brightness counts, contrast and place do not")
    func evenImagesStayEven() {
        let even = image { _, _, _ in 100 }
        for one in Augmentation.drawn(50, seed: 1, update: 0) {
            for value in changed(one, even) { #expect(abs(value - 100 * one.brightness) < 0.01) }
        }
    }

    @Test("left stays left, above stays above, colours stay in their channels, and numbers stay those of bytes", arguments: [0, 1, 2])
    func sidesStay(kind: Int) {
        let bytes = image { x, y, channel in
            switch kind {
            case 0: x < side / 2 ? 200 : 20
            case 1: y < side / 2 ? 200 : 20
            default: channel == 0 ? 200 : 20
            }
        }
        for one in Augmentation.drawn(100, seed: 3, update: 5) {
            let values = changed(one, bytes)
            var (first, second): (Float, Float) = (0, 0)
            for (index, value) in values.enumerated() {
                #expect((0...255).contains(value))
                let (channel, y, x) = (index / (side * side), index / side % side, index % side)
                let isFirst = kind == 0 ? x < side / 2 : kind == 1 ? y < side / 2 : channel == 0
                if isFirst { first += value / (kind == 2 ? 1 : 3) } else { second += value / (kind == 2 ? 2 : 3) }
            }
            #expect(first > second)
        }
    }
}
