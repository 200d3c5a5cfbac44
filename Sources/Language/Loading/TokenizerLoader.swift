import Foundation

/// Loads a tokeniser from the files of a checkpoint.
public enum TokenizerLoader {
    /// Loads whatever the folder has: `tokenizer.json`, else a `*.tiktoken` rank file, else `vocab.json` with `merges.txt`
    /// (and `added_tokens.json`).
    ///
    /// `tokenizer_config.json` and `special_tokens_map.json` are read beside them for the end token and for flags of added tokens.
    /// - Parameter rankFileFormat: How a rank file splits text; by default it is told from the file's name (`arcade100k.tiktoken`) or from
    ///   `tokenizer_class` (`Arcade100kTokenizer`).
    /// - Throws: `TokenizerError` that names the folder or the file and the entry.
    public static func load(directory: URL, rankFileFormat: RankFileFormat? = nil) throws(TokenizerError) -> ByteLevelTokenizer {
        let combined = directory.appendingPathComponent("tokenizer.json")
        if TokenizerFile.exists(combined) {
            let settings = try TokenizerSettings(directory: directory)
            return try TokenizerJSONReader(combined).assembly(settings).tokenizer(settings)
        }
        if let rankFile = try rankFile(in: directory) {
            let settings = try TokenizerSettings(directory: directory)
            let format = if let rankFileFormat { rankFileFormat } else { try format(of: rankFile, settings) }
            return try RankFileReader(url: rankFile, format: format).assembly(settings).tokenizer(settings)
        }
        if TokenizerFile.exists(directory.appendingPathComponent("vocab.json")),
            TokenizerFile.exists(directory.appendingPathComponent("merges.txt"))
        {
            let settings = try TokenizerSettings(directory: directory)
            return try VocabularyAndMergesReader(directory: directory).assembly(settings).tokenizer(settings)
        }
        throw .notFound(
            folder: directory.path, lookedFor: ["tokenizer.json", "*.tiktoken", "vocab.json with merges.txt"])
    }

    /// Loads one `tokenizer.json`, without looking at its neighbours.
    public static func load(tokenizerJSON url: URL) throws(TokenizerError) -> ByteLevelTokenizer {
        try TokenizerJSONReader(url).assembly(nil).tokenizer(nil)
    }

    /// Loads one rank file, without looking at its neighbours.
    public static func load(rankFile url: URL, format: RankFileFormat) throws(TokenizerError) -> ByteLevelTokenizer {
        try RankFileReader(url: url, format: format).assembly(nil).tokenizer(nil)
    }

    private static func rankFile(in directory: URL) throws(TokenizerError) -> URL? {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        } catch {
            throw .unreadable(file: directory.path, reason: error.localizedDescription)
        }
        let rankFiles = names.filter { $0.hasSuffix(".tiktoken") }.sorted()
        guard rankFiles.count <= 1 else {
            throw .malformed(
                file: directory.path, entry: "*.tiktoken",
                reason: "there is more than one rank file: \(rankFiles.joined(separator: ", ")). Keep the one of this checkpoint")
        }
        return rankFiles.first.map { directory.appendingPathComponent($0) }
    }

    private static func format(of url: URL, _ settings: TokenizerSettings) throws(TokenizerError) -> RankFileFormat {
        let format = RankFileFormat.arcade100k
        let classes = ["Arcade100kTokenizer", "Arcade100kTokenizerFast"]
        if url.lastPathComponent == "\(format.name).tiktoken" || settings.tokenizerClass.map(classes.contains) == true {
            return format
        }
        throw .unsupported(
            file: url.path, entry: "the rank file's name", value: quoted(url.lastPathComponent),
            supported: "\(format.name).tiktoken, or \"tokenizer_class\": \"\(classes[0])\" in tokenizer_config.json")
    }
}
