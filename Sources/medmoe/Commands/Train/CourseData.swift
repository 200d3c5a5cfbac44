import Datasets
import Imaging
import Training

/// The data of a course, looked at before its first step, as all of them may take hours. Each step looks at its own again, with its model's
/// rules.
struct CourseData {
    let files: Recipe.Files
    /// Folder that files and images' paths start from.
    let folder: String
    let skipsBad: Bool

    /// What somebody demands of files besides images that decode.
    private struct Demand: Hashable {
        var files: [String]
        var modalities: Set<String>?
        var allowsTextOnly: Bool
        var needsAnswerType: Bool
    }

    /// - Parameters:
    ///   - jobs: the steps that are still to be taken.
    ///   - asks: whether models are asked the held-out questions.
    /// - Throws: `DataRefusal` that names the bad entries.
    func check(_ jobs: [StageJob], asks: Bool) throws {
        let heldOut = paths(files.dev ?? [])
        try checkAll(paths(files.train + (files.captions ?? [])) + heldOut, withImages: asks || jobs.contains { $0.images != nil })
        var demands: [Demand] = []
        if asks { demands.append(Demand(files: heldOut, modalities: nil, allowsTextOnly: false, needsAnswerType: true)) }
        for job in jobs {
            let rules = job.dataRules
            for files in [job.data, job.heldOut] {
                demands.append(
                    Demand(files: files, modalities: rules.modalities, allowsTextOnly: rules.allowsTextOnly, needsAnswerType: false))
            }
        }
        var seen: Set<Demand> = []
        for demand in demands where seen.insert(demand).inserted {
            let rules = DataRules(
                modalities: demand.modalities, allowsTextOnly: demand.allowsTextOnly, needsAnswerType: demand.needsAnswerType)
            _ = try DataValidation(rules: rules, skipsBad: skipsBad).run(files: demand.files)
        }
    }

    /// What all demand. Here alone images are looked at, each once, as that takes long.
    private func checkAll(_ paths: [String], withImages: Bool) throws {
        var rules = DataRules(allowsTextOnly: true)
        if withImages {
            let decoder = ImageDecoder()
            rules.images = ImageFolder(path: folder)
            rules.decode = { bytes, name in _ = try decoder.decode(bytes, named: name) }
        }
        var bar: ProgressBar?
        _ = try DataValidation(rules: rules, skipsBad: skipsBad).run(files: paths) { _, total in
            if bar == nil { bar = ProgressBar("checking data", total: total) }
            bar?.advance()
        }
    }

    private func paths(_ names: [String]) -> [String] { names.map { "\(folder)/\($0)" } }
}
