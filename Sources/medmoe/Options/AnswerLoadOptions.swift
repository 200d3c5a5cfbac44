import ArgumentParser
import Cluster
import Foundation
import Load
import MedMoE
import Wire

/// Whom a load asks, and what.
struct AnswerLoadOptions: ParsableArguments {
    @Option(name: .customLong("coordinator"), help: ArgumentHelp("A running coordinator's client address, tcp://[KEY@]HOST:PORT or ipc://PATH; may be repeated: requests are dealt in turn. Default: the one of this user on this machine.", valueName: "address"))
    var coordinators: [String] = []

    @Option(name: .customLong("requests-file"), help: ArgumentHelp("Questions, as `medmoe ask --requests` takes them; asked in turn, again and again. Default: questions drawn from the seed.", valueName: "file"))
    var requestsFile: String?

    @Option(name: .customLong("images"), help: ArgumentHelp("Folder of the file's images; for drawn questions of JPEG and PNG files, in subfolders named as the modalities or beside each other. Default: pictures made from the seed.", valueName: "dir"))
    var imageFolder: String?

    @Option(help: ArgumentHelp("Modalities that drawn questions name, with weights; \"none\": questions without an image.", valueName: "name=weight,…"))
    var modalities: ModalityWeights?

    @Option(help: ArgumentHelp("Words of a drawn question.", valueName: "min..max"))
    var words: CountRange?

    @Option(help: ArgumentHelp("Most tokens of an answer, drawn evenly. Default: 16..64 for drawn questions, 128 for those of a file.", valueName: "min..max"))
    var tokens: CountRange?

    @Option(help: "As of `medmoe ask`. Default: 0 for a file's questions; 8 for drawn ones, so that answers have the length that was drawn.")
    var temperature: Double?

    @Flag(help: "Ask again, as `medmoe ask` does, when a coordinator is away or has too much to do. Without it each refusal counts.")
    var retry = false

    @Option(name: .customLong("ttft-limit"), help: ArgumentHelp("A good answer has its first token within this time.", valueName: "ms"))
    var ttftLimit: Double?

    @Option(name: .customLong("tpot-limit"), help: ArgumentHelp("A good answer takes no more per further token.", valueName: "ms"))
    var tpotLimit: Double?

    @Option(name: .customLong("e2e-limit"), help: ArgumentHelp("A good answer is complete within this time.", valueName: "ms"))
    var e2eLimit: Double?

    func validate() throws {
        if coordinators.count > 64 { throw ValidationError("--coordinator is given \(coordinators.count) times; at most 64") }
        if let temperature, !(temperature >= 0 && temperature <= 100) { throw ValidationError("--temperature is \(temperature); expected 0 to 100") }
        for (name, limit) in [("ttft", ttftLimit), ("tpot", tpotLimit), ("e2e", e2eLimit)] {
            if let limit, !(limit > 0 && limit <= 86_400_000) { throw ValidationError("--\(name)-limit is \(limit); expected more than 0 and at most 86400000 ms") }
        }
        if requestsFile != nil, modalities != nil || words != nil {
            throw ValidationError("--modalities and --words are about drawn questions; --requests-file has its own.")
        }
    }

    /// Whether anything is given that only makes sense for questions.
    var isGiven: Bool {
        !coordinators.isEmpty || requestsFile != nil || imageFolder != nil || modalities != nil || words != nil || tokens != nil
            || temperature != nil || retry || limits.isGiven
    }

    var limits: GoodputLimits { GoodputLimits(ttft: ttftLimit, tpot: tpotLimit, e2e: e2eLimit) }

    /// Connects to all, runs `body`, and closes the connections whatever happens.
    func withClients<R>(_ security: LinkSecurity, _ body: ([CoordinatorClient]) async throws -> R) async throws -> R {
        let endpoints = coordinators.isEmpty
            ? [try CoordinatorEndpoint.standardClientEndpoint()] : try coordinators.map { try Endpoint($0, for: .connect) }
        var clients: [CoordinatorClient] = []
        let result: Result<R, any Error>
        do {
            for endpoint in endpoints { clients.append(try await CoordinatorClient.connect(to: endpoint, security: security)) }
            result = .success(try await body(clients))
        } catch {
            result = .failure(error)
        }
        for client in clients { await client.close() }
        return try result.get()
    }

    /// What is asked.
    ///
    /// - Throws: `QuestionFileError`, or `AnswerError` that names an image file.
    func mix(seed: UInt64, deadline: Double) throws -> RequestMix {
        let milliseconds = max(1, Int(deadline * 1000))
        if let requestsFile {
            let questions = try QuestionFile(path: requestsFile, imageFolder: imageFolder, limit: nil).questions
            guard !questions.isEmpty else { throw QuestionFileError("\(requestsFile): has no questions") }
            // Many questions are about the same images.
            var read: [String: [UInt8]] = [:]
            let listed = try questions.map { question in
                let images = try (question.imagePath.map { [$0] } ?? []).map { path in
                    if let bytes = read[path] { return bytes }
                    let bytes = try ImageFile(path: path).bytes
                    read[path] = bytes
                    return bytes
                }
                return RequestMix.Listed(turns: question.turns, images: images)
            }
            return RequestMix(
                questions: .listed(listed), tokens: tokens?.bounds, temperature: temperature ?? 0, seed: seed, deadlineMilliseconds: milliseconds)
        }
        let drawn = DrawnQuestions(modalities: try drawnModalities(seed: seed), words: words?.bounds ?? 4...24)
        return RequestMix(
            questions: .drawn(drawn), tokens: tokens?.bounds ?? 16...64, temperature: temperature ?? 8, seed: seed, deadlineMilliseconds: milliseconds)
    }

    private func drawnModalities(seed: UInt64) throws -> [DrawnQuestions.Modality] {
        let names = modalities?.weights ?? ["CT", "MRI", "X-Ray", "Pathology"].map { ($0, 1) }
        let folder = try imageFolder.map { try LoadImages(folder: $0) }
        return try names.enumerated().map { index, entry in
            if entry.name.lowercased() == "none" { return .init(name: "", weight: entry.weight, images: []) }
            let images = try folder?.images(of: entry.name)
                ?? (0..<4).map { SyntheticImage.png(width: 160, height: 160, seed: seed &+ UInt64(4 * index + $0)) }
            return .init(name: entry.name, weight: entry.weight, images: images)
        }
    }
}
