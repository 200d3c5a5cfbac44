import COpenBLAS
import Tensors

/// ConVIRT's objective (Zhang et al., arXiv 2010.00747): image `i` and text `i` belong together, every other pair does not.
///
/// With `S_ij = cos(v_i, t_j) · scale` and the diagonal cross-entropy `NLL(S) = (1/B) Σ_i [log Σ_j exp(S_ij) − S_ii]`:
/// `L = λ · NLL(S) + (1 − λ) · NLL(Sᵀ)`. Symmetric as in CLIP for `λ = 0.5`.
///
/// A batch of one has loss 0, a row of zeros has cosine 0 with everything and gradient 0.
public struct ContrastiveObjective: Sendable, Hashable {
    /// The weight λ of finding the text to an image; finding the image to a text has the rest. 0 to 1.
    public let imageToTextWeight: Double

    /// - Parameter imageToTextWeight: the paper's λ by default.
    /// - Throws: `TensorError.mismatch` for a weight outside of 0 to 1.
    public init(imageToTextWeight: Double = 0.75) throws {
        guard (0...1).contains(imageToTextWeight) else {
            throw TensorError.mismatch("the weight of image to text is \(imageToTextWeight); expected 0 to 1")
        }
        self.imageToTextWeight = imageToTextWeight
    }

    /// The loss and its gradients.
    ///
    /// - Parameters:
    ///   - images: projected image embeddings before normalisation, `[B, D]`.
    ///   - texts: projected text embeddings before normalisation, `[B, D]`; row `i` belongs to image `i`.
    ///   - scale: what cosines are multiplied by.
    /// - Throws: `TensorError.mismatch` for other shapes, an empty batch or a scale that is no positive number.
    public func differentiate(images: Rows, texts: Rows, scale: SimilarityScale) throws -> ContrastiveGradients {
        guard images.count == texts.count, images.width == texts.width, images.count > 0, images.width > 0 else {
            throw TensorError.mismatch(
                "images [\(images.count), \(images.width)] and texts [\(texts.count), \(texts.width)] must be pairs of the same width")
        }
        let factor = scale.factor
        guard factor > 0, factor.isFinite else { throw TensorError.mismatch("cosines cannot be multiplied by \(factor); check the temperature") }
        let (batch, width) = (images.count, images.width)
        let (image, text) = (UnitRows(images), UnitRows(texts))

        let cosines = Rows(count: batch, width: batch)
        multiply(image.rows, CblasNoTrans, text.rows, CblasTrans, into: cosines, inner: width)
        let toText = Rows(count: batch, width: batch)
        let toImage = Rows(count: batch, width: batch)
        for i in 0..<batch {
            for j in 0..<batch {
                let score = Float(Double(cosines.row(i)[j]) * factor)
                toText.row(i)[j] = score
                toImage.row(j)[i] = score
            }
        }
        let pairs = Array(0..<batch)
        let textLoss = try SoftmaxCrossEntropy.differentiate(toText, labels: pairs).loss
        let imageLoss = try SoftmaxCrossEntropy.differentiate(toImage, labels: pairs).loss

        // ∂L/∂cos = ∂L/∂S · factor, and ∂L/∂ln(factor) = Σ ∂L/∂S · S.
        let slopes = Rows(count: batch, width: batch)
        var scaleGradient = 0.0
        for i in 0..<batch {
            for j in 0..<batch {
                let slope = (imageToTextWeight * Double(toText.row(i)[j]) + (1 - imageToTextWeight) * Double(toImage.row(j)[i])) * factor
                scaleGradient += slope * Double(cosines.row(i)[j])
                slopes.row(i)[j] = Float(slope)
            }
        }
        let imageGradient = Rows(count: batch, width: width)
        multiply(slopes, CblasNoTrans, text.rows, CblasNoTrans, into: imageGradient, inner: batch)
        image.pullBack(imageGradient)
        let textGradient = Rows(count: batch, width: width)
        multiply(slopes, CblasTrans, image.rows, CblasNoTrans, into: textGradient, inner: batch)
        text.pullBack(textGradient)
        return ContrastiveGradients(
            loss: imageToTextWeight * textLoss + (1 - imageToTextWeight) * imageLoss, imageToText: textLoss, textToImage: imageLoss,
            cosines: cosines, images: imageGradient, texts: textGradient, logarithmOfScale: scaleGradient)
    }

    /// `c = op(a) op(b)`, where `inner` is the extent that both share.
    private func multiply(
        _ a: Rows, _ transposesA: CBLAS_TRANSPOSE, _ b: Rows, _ transposesB: CBLAS_TRANSPOSE, into c: Rows, inner: Int
    ) {
        cblas_sgemm(
            CblasRowMajor, transposesA, transposesB, blasint(c.count), blasint(c.width), blasint(inner), 1, a.pointer, blasint(a.width),
            b.pointer, blasint(b.width), 0, c.pointer, blasint(c.width))
    }
}

/// What `ContrastiveObjective` finds for a batch of B pairs of width D. Belongs to the compute thread, as its rows do.
public struct ContrastiveGradients {
    /// `λ · imageToText + (1 − λ) · textToImage`.
    public let loss: Double
    /// Mean cross-entropy of finding the text to each image.
    public let imageToText: Double
    /// Mean cross-entropy of finding the image to each text.
    public let textToImage: Double
    /// `cos(v_i, t_j)`, `[B, B]`: images by rows, texts by columns.
    public let cosines: Rows
    /// `∂loss/∂images`, `[B, D]`.
    public let images: Rows
    /// `∂loss/∂texts`, `[B, D]`.
    public let texts: Rows
    /// `∂loss/∂s`, where cosines are multiplied by `exp(s)`: for a scale that is learned.
    public let logarithmOfScale: Double
}
