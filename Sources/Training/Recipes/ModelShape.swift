/// Sizes of a new StableLM-style model with a CLIP-style image tower, for those without pretrained weights.
public struct ModelShape: Sendable, Hashable, Codable {
    /// The image tower: a vision transformer in CLIP's layout, its FFNs four times as wide as its layers.
    public struct Tower: Sendable, Hashable, Codable {
        /// Numbers of a hidden row.
        public var width: Int
        public var layers: Int
        /// Attention heads; they share the width evenly.
        public var heads: Int
    }

    /// The language backbone, in StableLM's layout.
    public struct Backbone: Sendable, Hashable, Codable {
        /// Numbers of a hidden row.
        public var width: Int
        /// Width inside an FFN.
        public var inner: Int
        public var layers: Int
        /// Attention heads; they share the width evenly.
        public var heads: Int
        /// Positions: the most tokens of a sequence, an image's included.
        public var context: Int
    }

    /// Side of the square that the tower sees, in pixels.
    public var image: Int
    /// Side of a patch, in pixels.
    public var patch: Int
    public var tower: Tower
    public var backbone: Backbone

    /// - Throws: `TrainingError.impossible` that names the size and what is possible.
    func check() throws {
        func require(_ holds: Bool, _ text: String) throws {
            if !holds { throw TrainingError.impossible("model: \(text)") }
        }
        for (name, value, most) in [
            ("image", image, 2048), ("patch", patch, 512), ("tower.width", tower.width, 1 << 14), ("tower.layers", tower.layers, 256),
            ("tower.heads", tower.heads, 256), ("backbone.width", backbone.width, 1 << 15), ("backbone.inner", backbone.inner, 1 << 17),
            ("backbone.layers", backbone.layers, 256), ("backbone.heads", backbone.heads, 256),
            ("backbone.context", backbone.context, 1 << 20),
        ] { try require((1...most).contains(value), "\(name) is \(value); expected 1 to \(most)") }
        try require(image % patch == 0, "image \(image) is no multiple of patch \(patch)")
        try require(tower.width % tower.heads == 0, "tower.width \(tower.width) is no multiple of tower.heads \(tower.heads)")
        try require(
            backbone.width % backbone.heads == 0 && backbone.width / backbone.heads >= 8,
            "backbone.width \(backbone.width) must be a multiple of backbone.heads \(backbone.heads), with heads of 8 or more")
    }
}
