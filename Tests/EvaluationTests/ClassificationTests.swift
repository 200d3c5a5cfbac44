import Datasets
import Foundation
import Imaging
import Testing

@testable import Evaluation

@Suite struct RankStatisticTests {
    private func area(_ scores: [Double], _ positive: [Bool], times: [Int]? = nil) -> Double? {
        RankStatistic(scores: scores, isPositive: positive).area(times: times ?? scores.map { _ in 1 })
    }

    @Test func theAreaIsTheShareOfPairsInOrderWithTiesOneHalf() {
        #expect(area([1, 2, 3, 4], [false, false, true, true]) == 1)
        #expect(area([4, 3, 2, 1], [false, false, true, true]) == 0)
        #expect(area([1, 1, 1], [true, false, false]) == 0.5)
        // Pairs: (2 > 1), (2 = 2), (3 > 1), (3 > 2).
        #expect(area([1, 2, 2, 3], [false, false, true, true]) == 3.5 / 4)
        #expect(area([1, 2], [true, true]) == nil)
    }

    @Test func repeatedCasesCountAsOftenAsTheyOccur() {
        let scores = [0.1, 0.4, 0.35, 0.8]
        let positive = [false, false, true, true]
        // As if written out: 0.1 twice, 0.4 not at all, 0.35 three times, 0.8 once.
        #expect(area(scores, positive, times: [2, 0, 3, 1]) == area([0.1, 0.1, 0.35, 0.35, 0.35, 0.8], [false, false, true, true, true, true]))
        #expect(area(scores, positive, times: [1, 3, 1, 0]) == 0.25)
        #expect(area(scores, positive, times: [0, 0, 1, 1]) == nil)
    }
}

@Suite struct ClassificationReportTests {
    @Test func twoClassesAreScoredByAccuracyAreaAndConfusion() {
        let report = ClassificationReport(
            name: "x", classes: ["a", "b"], question: "?", scores: [[-1, -2], [-2, -1], [-3, -2.5], [-1, -4]], labels: [0, 1, 0, 1], bootstrap: Bootstrap())
        #expect(report.accuracy?.value == 50 && report.counts == [2, 2] && report.majorityAccuracy == 50)
        #expect(report.confusion == [[1, 1], [1, 1]])
        // Log odds of b: −1, 1, 0.5, −3; of the four pairs two are in order.
        #expect(report.auc?.value == 50)
    }

    @Test func scoresFarApartDoNotTie() {
        // Probabilities would round to 1 here.
        let report = ClassificationReport(
            name: "x", classes: ["a", "b"], question: "?", scores: [[-900, -1], [-901, -1]], labels: [0, 1], bootstrap: Bootstrap())
        #expect(report.auc?.value == 100)
    }

    @Test func moreClassesAreEachScoredAgainstTheRest() throws {
        let scores: [[Double]] = [[0, -1, -2], [-1, 0, -2], [-2, -1, 0], [-1, -2, 0]]
        let report = ClassificationReport(name: "x", classes: ["a", "b", "c"], question: "?", scores: scores, labels: [0, 1, 2, 0], bootstrap: Bootstrap())
        // a: log odds of images 0 and 3 against 1 and 2; image 3 ties with image 1. b: image 1 is first. c: image 2 is second to image 3.
        let a = (2 + 1 + 0.5) / 4.0, c = 2 / 3.0
        let log = { (index: Int, kind: Int) in ClassificationReport.logOdds(scores[index], of: kind) }
        #expect(log(3, 0) == log(1, 0) && log(3, 2) == log(2, 2))
        #expect(abs(try #require(report.auc?.value) - 100 * (a + 1 + (c + 0.5 / 3)) / 3) < 1e-9)
    }

    @Test func theQuestionNamesAllClasses() {
        #expect(ImageClassification.question(over: ["normal", "pneumonia"]) == "Is this image normal or pneumonia?")
        #expect(ImageClassification.question(over: ["a", "b", "c"]) == "Is this image a, b or c?")
    }
}

@Suite struct ArrayImageTests {
    @Test("Grey and colour images come out of their PNG files as they went in", arguments: [1, 3])
    func imagesSurviveTheirFiles(channels: Int) throws {
        let pixels = (0..<(5 * 7 * channels)).map { UInt8(truncatingIfNeeded: $0 * 37) }
        let file = try PNGEncoding.file(pixels, width: 5, height: 7, channels: channels)
        let image = try ImageDecoder().decode(file, named: "x")
        #expect(image.width == 5 && image.height == 7)
        #expect(image.bytes == (channels == 3 ? pixels : pixels.flatMap { [$0, $0, $0] }))
        #expect(throws: PNGEncodingError.self) { try PNGEncoding.file(pixels, width: 6, height: 7, channels: channels) }
    }

    @Test func arraysThatDoNotBelongTogetherAreRefused() throws {
        let path = Bundle.module.bundleURL.appending(path: "Fixtures/classes.npz").path
        let images = try ArrayImages(path: path, name: "x", split: "good", classes: ["a", "b"])
        #expect(images.count == 3 && images.width == 4 && images.height == 2 && images.labels == [0, 1, 1])
        #expect(try ImageDecoder().decode(images.file(at: 2), named: "x").bytes.first == 16)
        #expect(try ArrayImages(path: path, name: "x", split: "good", classes: ["a", "b"], limit: 2).count == 2)
        #expect(try ArrayImages(path: path, name: "x", split: "colour", classes: ["a", "b"]).channels == 3)
        for (split, word) in [("short", "labels"), ("real", "uint8"), ("flat", "shape"), ("none", "no array 'none_images'")] {
            #expect { try ArrayImages(path: path, name: "x", split: split, classes: ["a", "b"]) } throws: { "\($0)".contains(word) && "\($0)".contains(path) }
        }
        #expect { try ArrayImages(path: path, name: "x", split: "good", classes: ["a"]) } throws: { "\($0)".contains("class 1 of image 1") }
    }
}
