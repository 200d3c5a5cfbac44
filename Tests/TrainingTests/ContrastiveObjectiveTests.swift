import Checkpoints
import Foundation
import Tensors
import Testing
import Training

@Suite struct ContrastiveObjectiveTests {
    private static func fixture(_ number: Int) throws -> SafetensorsFile {
        let url = try #require(Bundle.module.resourceURL).appending(path: "Fixtures/convirt_case\(number).safetensors")
        return try SafetensorsFile(path: url.path)
    }

    private static func random(_ count: Int, _ width: Int, _ generator: inout SeededNumbers) -> Rows {
        let rows = Rows(count: count, width: width)
        for index in 0..<rows.elementCount { rows.pointer[index] = Float(generator.next()) }
        return rows
    }

    private static func expectNear(
        _ values: [Float], _ expected: [Float], relative: Float, _ what: String, at location: SourceLocation = #_sourceLocation
    ) {
        #expect(values.count == expected.count, sourceLocation: location)
        for (index, (value, wanted)) in zip(values, expected).enumerated() {
            #expect(abs(value - wanted) <= 1e-5 + relative * abs(wanted), "\(what)[\(index)]: \(value), not \(wanted)", sourceLocation: location)
        }
    }

    @Test(arguments: 0..<3)
    func lossAndGradientsAreThoseOfTheReference(number: Int) throws {
        let file = try Self.fixture(number)
        func floats(_ name: String) throws -> [Float] { try file.tensor(name).floats() }
        let result = try ContrastiveObjective(imageToTextWeight: 0.75).differentiate(
            images: Rows(file.tensor("input_image_emb")), texts: Rows(file.tensor("input_text_emb")), scale: .fixed(temperature: 0.1))
        Self.expectNear([Float(result.loss)], try floats("expected_loss"), relative: 1e-4, "loss")
        Self.expectNear([Float(result.imageToText)], try floats("expected_loss_image_to_text"), relative: 1e-4, "image to text")
        Self.expectNear([Float(result.textToImage)], try floats("expected_loss_text_to_image"), relative: 1e-4, "text to image")
        Self.expectNear(result.cosines.values, try floats("expected_cosine"), relative: 1e-4, "cosine")
        Self.expectNear(result.images.values, try floats("grad_input_image_emb"), relative: 1e-3, "image gradient")
        Self.expectNear(result.texts.values, try floats("grad_input_text_emb"), relative: 1e-3, "text gradient")
    }

    @Test func gradientsAreTheSlopesOfTheLoss() throws {
        var numbers = SeededNumbers(seed: 5)
        let (images, texts) = (Self.random(5, 6, &numbers), Self.random(5, 6, &numbers))
        let objective = try ContrastiveObjective(imageToTextWeight: 0.3)
        let logarithm = log(1 / 0.07)
        func loss(_ logarithm: Double) throws -> Double {
            try objective.differentiate(images: images, texts: texts, scale: .learned(logarithm: logarithm)).loss
        }
        let result = try objective.differentiate(images: images, texts: texts, scale: .learned(logarithm: logarithm))
        for (rows, gradient) in [(images, result.images.values), (texts, result.texts.values)] {
            for index in 0..<rows.elementCount {
                let original = rows.pointer[index]
                rows.pointer[index] = original + 1e-2
                let (high, up) = (try loss(logarithm), rows.pointer[index])
                rows.pointer[index] = original - 1e-2
                let (low, down) = (try loss(logarithm), rows.pointer[index])
                rows.pointer[index] = original
                let slope = (high - low) / Double(up - down)
                #expect(abs(slope - Double(gradient[index])) < 2e-3 + 1e-2 * abs(slope), "\(index): \(slope), not \(gradient[index])")
            }
        }
        let slope = (try loss(logarithm + 1e-3) - loss(logarithm - 1e-3)) / 2e-3
        #expect(abs(slope - result.logarithmOfScale) < 1e-3 * max(1, abs(slope)), "\(slope), not \(result.logarithmOfScale)")
        let fixed = try objective.differentiate(images: images, texts: texts, scale: .fixed(temperature: 0.07))
        #expect(abs(fixed.loss - result.loss) < 1e-6, "both ways to say the scale mean the same")
    }

    @Test func aRowOfZerosHasCosineAndGradientZero() throws {
        var numbers = SeededNumbers(seed: 6)
        let (images, texts) = (Self.random(3, 4, &numbers), Self.random(3, 4, &numbers))
        images.row(1).update(repeating: 0, count: 4)
        let result = try ContrastiveObjective().differentiate(images: images, texts: texts, scale: .fixed(temperature: 0.1))
        #expect(Array(result.cosines.values[3..<6]) == [0, 0, 0])
        #expect(Array(result.images.values[4..<8]) == [0, 0, 0, 0])
        #expect(result.loss.isFinite && (result.images.values + result.texts.values).allSatisfy(\.isFinite))
    }

    @Test func aBatchOfOneHasNothingToLearn() throws {
        var numbers = SeededNumbers(seed: 7)
        let result = try ContrastiveObjective().differentiate(
            images: Self.random(1, 8, &numbers), texts: Self.random(1, 8, &numbers), scale: .fixed(temperature: 0.1))
        #expect(result.loss == 0 && result.logarithmOfScale == 0)
        #expect((result.images.values + result.texts.values).allSatisfy { $0 == 0 })
    }

    @Test func lengthsFarFromOneChangeNoCosine() throws {
        var numbers = SeededNumbers(seed: 8)
        let (images, texts) = (Self.random(4, 5, &numbers), Self.random(4, 5, &numbers))
        let before = try ContrastiveObjective().differentiate(images: images, texts: texts, scale: .fixed(temperature: 0.1))
        for column in 0..<5 {
            images.row(0)[column] *= 1e30
            images.row(1)[column] *= 1e-30
        }
        let after = try ContrastiveObjective().differentiate(images: images, texts: texts, scale: .fixed(temperature: 0.1))
        #expect(abs(before.loss - after.loss) < 1e-5)
    }

    @Test func impossibleBatchesAreRefused() throws {
        let (two, three, wide) = (Rows(count: 2, width: 4), Rows(count: 3, width: 4), Rows(count: 2, width: 5))
        let objective = try ContrastiveObjective()
        for (images, texts) in [(two, three), (two, wide), (Rows(count: 0, width: 4), Rows(count: 0, width: 4))] {
            #expect(throws: TensorError.self) { try objective.differentiate(images: images, texts: texts, scale: .fixed(temperature: 0.1)) }
        }
        for scale in [SimilarityScale.fixed(temperature: 0), .fixed(temperature: -1), .learned(logarithm: .nan), .learned(logarithm: 1e6)] {
            #expect(throws: TensorError.self) { try objective.differentiate(images: two, texts: two, scale: scale) }
        }
        #expect(throws: TensorError.self) { try ContrastiveObjective(imageToTextWeight: 1.5) }
    }
}
