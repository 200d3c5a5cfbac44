import Foundation
import Training

/// What a folder of a course is made with, in a file beside it: `OUT/STEP.settings.json`. By it a finished step of a recipe that was changed
/// since is known.
struct SettingsFile {
    /// The folder.
    let folder: String

    private var path: String { "\(folder).settings.json" }

    /// Written before the folder is made: whoever is killed meanwhile must not leave a finished folder without it.
    func write(_ settings: LearntSettings) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try LoadOutput.write(String(decoding: try encoder.encode(settings.values), as: UTF8.self) + "\n", to: path)
    }

    /// Looks whether the folder, which is finished, is what the recipe asks for. One without the file, of an earlier version, is taken as it is.
    ///
    /// - Throws: `SettingsFileError` that names the folder, the setting and what to do.
    func check(against recipe: LearntSettings) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            return Terminal.note("Note: \(path) is missing, as earlier versions wrote none: \(folder) is taken to be what the recipe says")
        }
        guard let data = FileManager.default.contents(atPath: path),
            let values = try? JSONDecoder().decode([String: String].self, from: data)
        else { throw SettingsFileError(description: "\(path) cannot be read as settings: remove it to keep \(folder) as it is") }
        if let (key, was, now) = LearntSettings(values: values).difference(from: recipe) {
            guard key != LearntSettings.origin else {
                throw SettingsFileError(
                    description: "\(folder) is finished, but \(recipe.values["from"] ?? "what it began with") was learnt anew since: remove that folder and those made after it")
            }
            throw SettingsFileError(
                description: "\(folder) is finished, but \"\(key)\" was \(was) and is \(now) in the recipe: remove that folder and those made after it, or take the recipe back")
        }
    }
}

/// A finished folder that does not belong to the recipe.
struct SettingsFileError: Error, Sendable, CustomStringConvertible {
    let description: String
}
