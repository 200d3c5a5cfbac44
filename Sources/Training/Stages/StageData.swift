import Checkpoints
import Crypto
import Datasets
import Foundation
import Imaging
import Language

/// The examples of a stage, all of them checked.
struct StageData {
    let conversations: [Conversation]
    let sequences: SequenceMaker
    /// Names files and their contents, for checkpoints that must not be continued with other data.
    let digest: String

    /// Reads and checks files; nothing is learnt before every entry has been seen.
    ///
    /// - Throws: `DataRefusal` that names the bad entries.
    init(_ files: [String], job: StageJob, model: LearnableModel, observer: any TrainingObserver) throws {
        let form: SequenceMaker.Form = switch job.settings.step {
            case .align, .encoder: .caption
            case .language: .text
            case .instruct, .router, .experts: .instruction
        }
        let sequences = SequenceMaker(
            tokenizer: model.tokenizer, template: model.template, endToken: model.endToken, form: form,
            lowerCasesAnswers: job.settings.lowerCasesAnswers)
        self.sequences = sequences
        let rowsPerImage = model.rowsPerImage
        let decoder = model.decoder
        var rules = job.dataRules
        rules.decode = { bytes, name in _ = try decoder.decode(bytes, named: name) }
        rules.length = DataRules.LengthRule(limit: model.configuration.contextLength) { conversation in
            try sequences.sequence(conversation, image: 0).rows(rowsPerImage: rowsPerImage)
        }
        let what = files == job.data ? "checking data" : "checking held-out data"
        let data = try DataValidation(rules: rules, skipsBad: job.skipsBad).run(files: files) { done, total in
            observer.prepared(what, done: done, total: total)
        }
        if !data.problems.isEmpty { observer.skipped(data.counts.map { ($0.key.rawValue, $0.value) }.sorted { $0.0 < $1.0 }) }
        var chosen: [Conversation] = []
        var hash = SHA256()
        for file in data.files {
            let all = file.conversations
            chosen += BatchOrder.drawn(all, count: job.limits[file.path] ?? all.count, seed: job.settings.seed)
        }
        for conversation in chosen {
            let labels = "\(conversation.modality ?? "")\u{0}\(conversation.questionType ?? "")"
            hash.update(data: Data("\(conversation.id)\u{0}\(conversation.image ?? "")\u{0}\(conversation.turns)\u{0}\(labels)\u{0}".utf8))
        }
        conversations = chosen
        digest = hash.finalize().map { String(format: "%02x", $0) }.joined()
    }
}

extension StageJob {
    /// What the step demands of its data, as far as that can be told without its model.
    public var dataRules: DataRules {
        let isText = settings.step == .language
        // Elsewhere labels do not count; here one that is misspelt would be learnt from as if the image had none.
        let readsLabels = settings.step == .router || settings.step == .encoder
        return DataRules(
            images: isText ? nil : images.map { ImageFolder(path: $0) }, modalities: readsLabels ? Set(shape.domains) : nil,
            allowsTextOnly: isText)
    }
}
