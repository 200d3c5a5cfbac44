import Foundation
import Language

/// How an image is changed before the tower learns from it, after ConVIRT (arXiv 2010.00747, §4.1): a part of it, turned a little, brighter
/// or darker, with more or less contrast. Neither mirrored, as left and right are asked for, nor blurred, as these images are small.
struct Augmentation: Sendable, Hashable {
    /// Side of the part, of the image's side.
    let zoom: Float
    /// The part's centre, of the image's side.
    let center: SIMD2<Float>
    /// Clockwise, in radians.
    let angle: Float
    let brightness: Float
    let contrast: Float

    /// Area of the part, of the image's.
    static let areas: ClosedRange<Float> = 0.6...1
    static let angles: ClosedRange<Float> = -.pi / 9 ... .pi / 9
    static let factors: ClosedRange<Float> = 0.6...1.4

    /// Drawn by the caller's generator.
    init(using random: inout some RandomNumberGenerator) {
        zoom = Float.random(in: Self.areas, using: &random).squareRoot()
        let room = (1 - zoom) / 2
        center = SIMD2(
            0.5 + Float.random(in: -room...room, using: &random), 0.5 + Float.random(in: -room...room, using: &random))
        angle = Float.random(in: Self.angles, using: &random)
        brightness = Float.random(in: Self.factors, using: &random)
        contrast = Float.random(in: Self.factors, using: &random)
    }

    /// The images of an update, one after another: a function of seed and update alone, so that a run that continues goes on as if
    /// it had never stopped.
    static func drawn(_ count: Int, seed: UInt64, update: Int) -> [Augmentation] {
        var random = SplitMix64(seed: seed ^ UInt64(truncatingIfNeeded: update) &* 0xA076_1D64_78BD_642F)
        return (0..<count).map { _ in Augmentation(using: &random) }
    }

    /// The changed image; what lies outside repeats its border.
    ///
    /// - Parameters:
    ///   - bytes: a square of `side · side` pixels of three bytes.
    ///   - target: gets `3 · side · side` numbers from 0 to 255, channel after channel.
    func apply(to bytes: UnsafeBufferPointer<UInt8>, side: Int, target: UnsafeMutablePointer<Float>) {
        var sum = 0
        for byte in bytes { sum += Int(byte) }
        let mean = Float(sum) / Float(max(1, bytes.count)) * brightness
        let factor = brightness * contrast
        let added = mean - mean * contrast
        let (sine, cosine) = (sin(angle) * zoom, cos(angle) * zoom)
        let middle = Float(side - 1) / 2
        let last = Float(side - 1)
        for y in 0..<side {
            for x in 0..<side {
                let (dx, dy) = (Float(x) - middle, Float(y) - middle)
                let fromX = min(last, max(0, center.x * last + cosine * dx + sine * dy))
                let fromY = min(last, max(0, center.y * last - sine * dx + cosine * dy))
                let (left, top) = (Int(fromX), Int(fromY))
                let (right, bottom) = (min(side - 1, left + 1), min(side - 1, top + 1))
                let (u, v) = (fromX - Float(left), fromY - Float(top))
                for channel in 0..<3 {
                    func pixel(_ x: Int, _ y: Int) -> Float { Float(bytes[3 * (y * side + x) + channel]) }
                    let above = pixel(left, top) + u * (pixel(right, top) - pixel(left, top))
                    let below = pixel(left, bottom) + u * (pixel(right, bottom) - pixel(left, bottom))
                    target[(channel * side + y) * side + x] = min(255, max(0, (above + v * (below - above)) * factor + added))
                }
            }
        }
    }
}
