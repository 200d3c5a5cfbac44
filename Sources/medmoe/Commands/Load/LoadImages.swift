import Foundation
import MedMoE

/// Image files of a folder, for drawn questions.
struct LoadImages {
    /// How many are read of a folder: enough to differ.
    private static let most = 256
    private let folder: String
    private let subfolders: [String]

    /// - Throws: `AnswerError` when there is no such folder.
    init(folder: String) throws {
        self.folder = folder
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw AnswerError(.invalidImage, "\(folder): cannot be read as a folder of images; check the path")
        }
        subfolders = names.filter { name in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder) && isFolder.boolValue
        }
    }

    /// Those in the subfolder that is named as the modality, else those in the folder itself.
    ///
    /// - Throws: `AnswerError` that names the folder without images, or the file that cannot be read.
    func images(of modality: String) throws -> [[UInt8]] {
        let place = subfolders.first { $0.lowercased() == modality.lowercased() }.map { "\(folder)/\($0)" } ?? folder
        let files = ((try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []).sorted().filter { name in
            ["jpg", "jpeg", "png"].contains(URL(filePath: name).pathExtension.lowercased())
        }
        guard !files.isEmpty else {
            throw AnswerError(.invalidImage, "\(place): has no .jpg, .jpeg or .png file for questions about \(modality)")
        }
        return try files.prefix(LoadImages.most).map { try ImageFile(path: "\(place)/\($0)").bytes }
    }
}
