/// Which settings only some steps read.
extension RecipeStep {
    private struct Reader {
        /// As recipes spell it.
        let key: String
        let steps: [TrainingStep]
        let isGiven: (RecipeStep) -> Bool
    }

    private static var readers: [Reader] {
        let conversations: [TrainingStep] = [.language, .align, .instruct, .experts]
        return [
            Reader(key: "microBatch", steps: conversations) { $0.microBatch != nil },
            Reader(key: "recompute", steps: [.encoder] + conversations) { $0.recompute ?? false },
            Reader(key: "augment", steps: [.encoder, .align, .instruct, .experts]) { $0.augment ?? false },
            Reader(key: "lowerCaseAnswers", steps: [.encoder, .language, .instruct, .experts]) { $0.lowerCaseAnswers ?? false },
            Reader(key: "freezeProjector", steps: [.experts]) { $0.freezeProjector ?? false },
            Reader(key: "labelled", steps: [.router]) { $0.labelled != nil },
            Reader(key: "dense", steps: [.experts]) { $0.dense ?? false },
            Reader(key: "withoutMeta", steps: [.experts]) { $0.withoutMeta ?? false },
            Reader(key: "withoutRouter", steps: [.experts]) { $0.withoutRouter ?? false },
            Reader(key: "topK", steps: [.experts]) { $0.topK != nil },
            Reader(key: "domains", steps: [.encoder, .router, .experts]) { $0.domains != nil },
        ]
    }

    /// What a control without experts does not read.
    private static var ofExperts: [(key: String, isGiven: (RecipeStep) -> Bool)] {
        [
            ("withoutMeta", { $0.withoutMeta ?? false }), ("withoutRouter", { $0.withoutRouter ?? false }), ("topK", { $0.topK != nil }),
            ("domains", { $0.domains != nil }),
        ]
    }

    /// A setting that its step does not read would otherwise change nothing without a word.
    ///
    /// - Throws: `TrainingError.impossible` that names the setting and the steps that read it.
    public func checkReaders() throws {
        for reader in Self.readers where reader.isGiven(self) && !reader.steps.contains(step) {
            let steps = reader.steps.map(\.rawValue).joined(separator: ", ")
            throw TrainingError.impossible("\(step.rawValue) does not read \"\(reader.key)\" (\(steps) \(reader.steps.count == 1 ? "does" : "do")): leave it out")
        }
        guard step == .experts, dense ?? false else { return }
        if let (key, _) = Self.ofExperts.first(where: { $0.isGiven(self) }) {
            throw TrainingError.impossible("experts with \"dense\" does not read \"\(key)\": leave one of the two out")
        }
    }
}
