/// An image on a larger ground of one colour. The ground is never stored: a line of 16,384 pixels padded to a square would take 768 MiB.
struct Canvas {
    let image: RGBImage
    let width: Int
    let height: Int
    /// Column and row of the canvas where the image begins.
    let left: Int
    let top: Int
    /// Red, green, blue.
    let colour: [UInt8]

    /// The image by itself.
    init(_ image: RGBImage) {
        self.image = image
        (width, height, left, top) = (image.width, image.height, 0, 0)
        colour = [0, 0, 0]
    }

    /// The image centred on a square as long as its long side; an odd remainder goes to the right or the bottom.
    init(centring image: RGBImage, on colour: [UInt8]) {
        let side = max(image.width, image.height)
        self.image = image
        (width, height) = (side, side)
        left = (side - image.width) / 2
        top = (side - image.height) / 2
        self.colour = colour
    }
}
