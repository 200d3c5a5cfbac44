import Imaging
import Language
import Tensors

/// A prompt as rows of the backbone's width, images spliced in.
struct EmbeddedPrompt {
    /// `[rows, hidden]`
    let rows: Rows
    /// Token ids, −200 where an image went.
    let tokenIDs: [Int]

    /// What the public code writes in place of an image.
    static let imageToken = -200
}

/// What tracing sees of the image side.
struct ImageTrace {
    var pixels: [Float] = []
    /// `[patches, tower width]`
    var features: Rows?
    /// `[patches, hidden]`
    var projected: Rows?
}

extension MedMoEModel {
    /// Encodes one image for the backbone.
    ///
    /// - Parameter file: the bytes of a JPEG or PNG file.
    /// - Returns: `[patches, hidden]`
    /// - Throws: `AnswerError` with `.invalidImage` when it cannot be decoded.
    func encodeImage(_ file: [UInt8], named name: String, _ context: ComputeContext, trace: inout ImageTrace) throws -> Rows {
        let pixels: PixelValues
        do {
            pixels = try preprocessor.pixelValues(imageDecoder.decode(file, named: name))
        } catch {
            throw AnswerError(.invalidImage, error.description)
        }
        let hidden = try tower(pixels.values, context)
        let features = configuration.selectedFeature == .patch ? hidden.slice(1..<hidden.count) : hidden
        let projected = try projector(features, context)
        trace.pixels = pixels.values
        trace.features = features
        trace.projected = projected
        return projected
    }

    /// Embeds the pieces of a prompt.
    ///
    /// - Parameter images: encoded images, `[patches, hidden]` each.
    /// - Throws: `AnswerError` with `.contextLength` when the prompt leaves no room for an answer.
    func embed(_ segments: [PromptSegment], images: [Rows]) throws -> EmbeddedPrompt {
        var tokenIDs: [Int] = []
        var count = 0
        for segment in segments {
            switch segment {
            case .tokens(let ids):
                tokenIDs += ids
                count += ids.count
            case .image(let index):
                guard images.indices.contains(index) else {
                    throw AnswerError(.invalidRequest, "the prompt asks for image \(index + 1), but \(images.count) came with it")
                }
                tokenIDs.append(EmbeddedPrompt.imageToken)
                count += images[index].count
            }
        }
        guard count > 0 else { throw AnswerError(.invalidRequest, "the prompt is empty: ask a question") }
        guard count < configuration.contextLength else {
            throw AnswerError(
                .contextLength,
                "the prompt has \(count) tokens, images included; the model's context is \(configuration.contextLength): ask a shorter question")
        }
        let rows = Rows(count: count, width: configuration.hiddenSize)
        var place = 0
        for segment in segments {
            switch segment {
            case .tokens(let ids):
                for id in ids {
                    guard (0..<configuration.vocabularySize).contains(id) else {
                        throw AnswerError(.internal, "the tokenizer gave id \(id), outside the model's vocabulary of \(configuration.vocabularySize)")
                    }
                    try backbone.embed(id, into: rows.row(place))
                    place += 1
                }
            case .image(let index):
                let image = images[index]
                rows.row(place).update(from: image.pointer, count: image.elementCount)
                place += image.count
            }
        }
        return EmbeddedPrompt(rows: rows, tokenIDs: tokenIDs)
    }
}
