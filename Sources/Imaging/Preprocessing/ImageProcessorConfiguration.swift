/// What `preprocessor_config.json` beside a CLIP model says about its input.
public struct ImageProcessorConfiguration: Sendable, Equatable {
    /// Pixels of the short side after scaling, `size.shortest_edge`; `nil` when images are not scaled (`do_resize` false).
    public let shortestEdge: Int?
    /// Side of the square cut out of the middle, `crop_size`; `nil` when nothing is cut (`do_center_crop` false).
    public let cropSide: Int?
    /// Factor on the 8-bit values, `rescale_factor`; `nil` when they stay 0 to 255 (`do_rescale` false).
    public let rescaleFactor: Double?
    /// Mean and standard deviation per channel (R, G, B) that values are normalised with; `nil` when they are not (`do_normalize` false).
    public let normalisation: Normalisation?
    /// `image_mean` whether or not values are normalised: the colour around padded images.
    public let imageMean: [Double]

    /// The statistics of the training images, three values each.
    public struct Normalisation: Sendable, Equatable {
        public let mean: [Double]
        public let standardDeviation: [Double]
    }

    /// CLIP ViT-L/14 at 336 pixels, the encoder of the published Med-MoE models.
    public static let clipViTLarge14At336 = ImageProcessorConfiguration(
        shortestEdge: 336, cropSide: 336, rescaleFactor: 1.0 / 255.0, imageMean: clipMean, normaliseBy: clipStandardDeviation)

    /// The statistics that OpenAI normalised CLIP's images with.
    static let clipMean = [0.48145466, 0.4578275, 0.40821073]
    static let clipStandardDeviation = [0.26862954, 0.26130258, 0.27577711]

    /// Largest side of an encoder's input: far above any CLIP model, small enough for every product of sizes.
    static let maximumSide = 2_048

    /// For values that were checked.
    init(shortestEdge: Int?, cropSide: Int?, rescaleFactor: Double?, imageMean: [Double], normaliseBy standardDeviation: [Double]?) {
        self.shortestEdge = shortestEdge
        self.cropSide = cropSide
        self.rescaleFactor = rescaleFactor
        self.imageMean = imageMean
        self.normalisation = standardDeviation.map { Normalisation(mean: imageMean, standardDeviation: $0) }
    }

    /// The default processor at another input size.
    ///
    /// - Throws: `ImageError.configuration` when `side` is not in 1...2048.
    public init(side: Int) throws(ImageError) {
        guard (1...Self.maximumSide).contains(side) else {
            throw .configuration(file: "image processor", field: "size", reason: "\(side) is not in 1...\(Self.maximumSide)")
        }
        self.init(
            shortestEdge: side, cropSide: side, rescaleFactor: 1.0 / 255.0, imageMean: Self.clipMean, normaliseBy: Self.clipStandardDeviation)
    }
}
