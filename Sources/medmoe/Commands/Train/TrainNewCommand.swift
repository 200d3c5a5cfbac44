import ArgumentParser
import Foundation
import Training

/// `medmoe train new`
struct TrainNewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Writes a model of random weights for the steps to begin with, for those without pretrained weights.",
        discussion: """
            Sizes and seed are those of a recipe's "model" and "seed"; `medmoe train all` makes the same model of it. Steps to go on with:

              medmoe tokenizer train --data DATA/train.json DATA/captions.json --out tokenizer
              medmoe train new      --recipe FILE --tokenizer tokenizer --out NEW
              medmoe train encoder  --data DATA/captions.json --images DATA --model NEW   --out TOWER
              medmoe train language --data DATA/train.json                  --model TOWER --out BASE
            """)

    @Option(help: ArgumentHelp("The recipe, YAML; only its \"model\" and \"seed\" count.", valueName: "file")) var recipe: String
    @Option(help: ArgumentHelp("Folder with the tokenizer's files.", valueName: "dir")) var tokenizer: String
    @Option(help: ArgumentHelp("Folder to make.", valueName: "dir")) var out: String

    func run() throws {
        let recipe = try Recipe(contentsOf: recipe)
        guard let shape = recipe.model else {
            throw ValidationError("\(self.recipe) has no \"model\": say its sizes there, as cluster/learn/medmoe-tiny.yaml does")
        }
        if FileManager.default.fileExists(atPath: out) {
            throw ValidationError("--out \(out) exists: name a new folder, or remove that one")
        }
        try NewModel.write(shape, tokenizer: tokenizer, seed: recipe.seed ?? 0, to: out)
        Terminal.note("new model: \(out)")
    }
}
