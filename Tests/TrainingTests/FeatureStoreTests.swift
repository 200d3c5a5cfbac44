import Checkpoints
import Datasets
import Foundation
import LearningSupport
import ModelFixtures
import Testing

@testable import Training

/// Images on their way into sequences.
struct FeatureStoreTests {
    private func store(_ byteLimit: Int, imageBytes: Int = 1 << 20) throws -> (features: FeatureStore, images: ImageStore) {
        let model = try LearnableModel(folder: CheckpointFolder(path: ModelFixture.stableLM.checkpoint.path))
        let context = TrainingContext(threads: 2)
        let images = ImageStore(model, folder: FixtureImages.folder, byteLimit: imageBytes)
        for (number, path) in FixtureImages.paths.enumerated() {
            #expect(try images.number(of: path) == number)
            #expect(try images.number(of: path) == number)
        }
        let tower = try TowerNetwork(model.folder.imageTower().source, configuration: model.towerConfiguration, context)
        return (FeatureStore(images, tower: tower, model: model, byteLimit: byteLimit, context), images)
    }

    @Test("features of an image are the same bits in any company, kept or not", arguments: [0, 1 << 20])
    func companyChangesNoBit(byteLimit: Int) throws {
        let together = try #require(try store(byteLimit).features.features([0, 1, 2, 3, 4, 5]))
        let (features, _) = try store(byteLimit)
        for image in [3, 0, 5] {
            let alone = try #require(try features.features([image])).values
            let rows = alone.count / together.width
            #expect(alone == together.slice(image * rows..<(image + 1) * rows).values)
        }
        let repeated = try #require(try features.features([5, 3, 5]))
        let part = repeated.count / 3
        #expect(repeated.slice(0..<part).values == repeated.slice(2 * part..<3 * part).values)
        #expect(repeated.slice(0..<part).values != repeated.slice(part..<2 * part).values)
        #expect(try features.features([]) == nil)
    }

    @Test("images that memory does not hold are read again, to the same bits")
    func imagesAreReadAgain() throws {
        let (held, read) = (try store(0).features, try store(0, imageBytes: 20_000).features)
        let wanted = [0, 5, 3, 0]
        #expect(try read.features(wanted)?.values == held.features(wanted)?.values)
        let drawn = Augmentation.drawn(4, seed: 1, update: 2)
        #expect(try read.features(wanted, augmentations: drawn)?.values == held.features(wanted, augmentations: drawn)?.values)
    }

    @Test("a file that is gone matters only where memory did not hold its image, and is named", arguments: [(1 << 20, true), (20_000, false)])
    func goneFilesAreNamed(imageBytes: Int, holdsLast: Bool) throws {
        let scratch = ScratchFolder()
        let model = try LearnableModel(folder: CheckpointFolder(path: scratch.model))
        let images = ImageStore(model, folder: ImageFolder(path: scratch.path), byteLimit: imageBytes)
        for (number, path) in FixtureImages.paths.enumerated() {
            let copy = "\(number).png"
            try Data(FixtureImages.folder.bytes(of: path)).write(to: URL(filePath: "\(scratch.path)/\(copy)"))
            _ = try images.number(of: copy)
            try FileManager.default.removeItem(atPath: "\(scratch.path)/\(copy)")
        }
        // 20,000 bytes hold the first two, 56 pixels wide and high.
        #expect(try images.square(0).count == 3 * 56 * 56 && images.square(1).count == 3 * 56 * 56)
        if holdsLast {
            _ = try images.square(5)
        } else {
            let error = #expect(throws: TrainingError.self) { _ = try images.square(5) }
            #expect(error?.description.contains("5.png") == true && error?.description.contains("put it back") == true, "\(String(describing: error))")
        }
    }

    @Test("an augmented image has features of its own each time it is drawn, and the same ones of the same draw")
    func augmentationsChangeFeatures() throws {
        let features = try store(1 << 20).features
        let plain = try #require(try features.features([2, 2]))
        let drawn = Augmentation.drawn(2, seed: 1, update: 4)
        let changed = try #require(try features.features([2, 2], augmentations: drawn))
        #expect(changed.count == plain.count && changed.width == plain.width)
        let half = changed.count / 2
        #expect(changed.slice(0..<half).values != changed.slice(half..<changed.count).values)
        #expect(changed.slice(0..<half).values != plain.slice(0..<half).values)
        // Of the same picture all the same: nearer to it than to another one.
        let other = try #require(try features.features([5]))
        #expect(relativeError(changed.slice(0..<half).values, plain.slice(0..<half).values)
            < relativeError(other.values, plain.slice(0..<half).values))
        #expect(try #require(try features.features([2, 2], augmentations: drawn)).values == changed.values)
        #expect(try #require(try features.features([2])).values == plain.slice(0..<half).values)
        #expect(try features.features([], augmentations: []) == nil)
    }

    @Test("features are those that the public code computed")
    func featuresAreThePublicCodes() throws {
        let golden = try GoldenStep(.stableLM).features()
        let features = try #require(try store(0).features.features([0]))
        #expect(relativeError(features.values, golden.values) < 1e-4)
    }

    @Test("an image that is missing is named")
    func missingImagesAreNamed() throws {
        let (_, images) = try store(0)
        let error = #expect(throws: ImageFolder.Failure.self) { _ = try images.number(of: "none.png") }
        #expect(error?.description.contains("none.png") == true)
        #expect(images.count == 6)
    }
}
