import Testing

@testable import Imaging

@Suite("Image processor configuration")
struct ConfigurationTests {
    private func parse(_ text: String) throws -> ImageProcessorConfiguration {
        try ImageProcessorConfiguration(json: Array(text.utf8), named: "preprocessor_config.json")
    }

    @Test("An empty object means CLIP ViT-L/14 at 336 pixels")
    func defaults() throws {
        #expect(try parse("{}") == .clipViTLarge14At336)
    }

    @Test("Both generations of the format are understood")
    func generations() throws {
        let old = try parse(#"{"size": 56, "crop_size": 56, "resample": 3, "image_mean": [0.5, 0.25, 0.125], "image_std": [1, 2, 3]}"#)
        let new = try parse(
            #"{"size": {"shortest_edge": 56, "longest_edge": null}, "crop_size": {"height": 56, "width": 56}, "do_resize": true, "#
                + #""rescale_factor": 0.00392156862745098, "image_mean": [0.5, 0.25, 0.125], "image_std": [1, 2, 3], "other": {"a": []}}"#)
        #expect(old == new)
        #expect(old.shortestEdge == 56)
        #expect(old.cropSide == 56)
        #expect(old.rescaleFactor == 1.0 / 255.0)
        #expect(old.normalisation == .init(mean: [0.5, 0.25, 0.125], standardDeviation: [1, 2, 3]))
    }

    @Test("Steps can be switched off")
    func switches() throws {
        let plain = try parse(#"{"do_resize": false, "do_center_crop": false, "do_rescale": false, "do_normalize": false, "do_pad": false}"#)
        #expect(plain.shortestEdge == nil)
        #expect(plain.cropSide == nil)
        #expect(plain.rescaleFactor == nil)
        #expect(plain.normalisation == nil)
    }

    @Test("One size given stands for both")
    func oneSize() throws {
        #expect(try parse(#"{"size": 224}"#).cropSide == 224)
        #expect(try parse(#"{"crop_size": 224}"#).shortestEdge == 224)
    }

    @Test(
        "What cannot be followed exactly is refused by field",
        arguments: [
            (#"{"resample": 2}"#, "resample"),
            (#"{"resample": "bicubic"}"#, "resample"),
            (#"{"size": {"height": 5, "width": 5}}"#, "size"),
            (#"{"size": {"shortest_edge": 5, "longest_edge": 9}}"#, "size"),
            (#"{"size": {}}"#, "size"),
            (#"{"size": 0}"#, "size"),
            (#"{"size": -4}"#, "size"),
            (#"{"size": 99999999}"#, "size"),
            (#"{"size": {"shortest_edge": 0}}"#, "size.shortest_edge"),
            (#"{"size": [3, 4]}"#, "size"),
            (#"{"crop_size": {"height": 5, "width": 6}}"#, "crop_size"),
            (#"{"crop_size": 1e300}"#, "crop_size"),
            (#"{"image_mean": [1, 2]}"#, "image_mean"),
            (#"{"image_mean": [1, 2, 1e999]}"#, "(whole file)"),
            (#"{"image_mean": 0.5}"#, "image_mean"),
            (#"{"image_std": [1, 0, 1]}"#, "image_std"),
            (#"{"image_std": [1, 1e-60, 1]}"#, "image_std"),
            (#"{"image_std": [1, -1, 1]}"#, "image_std"),
            (#"{"rescale_factor": 1e40}"#, "rescale_factor"),
            (#"{"do_pad": true}"#, "do_pad"),
            (#"{"do_resize": 1}"#, "do_resize"),
            ("[]", ""),
            ("", "(whole file)"),
            ("{", "(whole file)"),
            (String(repeating: "[", count: 100_000), "(whole file)"),
            (#"{"x":"# + String(repeating: "[", count: 100_000), "(whole file)"),
            (String(repeating: " ", count: 1 << 21), "(whole file)"),
        ])
    func refusals(text: String, field: String) {
        do {
            _ = try parse(text)
            Issue.record("accepted \(text.prefix(60))")
        } catch ImageError.configuration(let file, let refused, let reason) {
            #expect(file == "preprocessor_config.json")
            #expect(refused == field, "\(text.prefix(60)): \(reason)")
            #expect(!reason.isEmpty)
        } catch {
            Issue.record("\(error)")
        }
    }
}
