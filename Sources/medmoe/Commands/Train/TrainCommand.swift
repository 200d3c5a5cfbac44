import ArgumentParser

/// `medmoe train`
struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Learns: a step of the paper, or a whole recipe.",
        discussion: """
            The paper's three steps on a model that has weights already:
              medmoe train align    --data captions.json --images DIR --model IN    --out STEP1
              medmoe train instruct --data train.json    --images DIR --model STEP1 --out STEP2
              medmoe train router   --data train.json    --images DIR --model STEP2 --out STEP2R --held-out dev.json
              medmoe train experts  --data train.json    --images DIR --model STEP2R --out MODEL

            Those without pretrained weights begin with `train new`, `train encoder` and `train language`, or let `train all` follow a recipe.

            A run that was stopped goes on from its last checkpoint when the same command is given again.
            """,
        subcommands: [
            TrainNewCommand.self, TrainEncoderCommand.self, TrainLanguageCommand.self, TrainAlignCommand.self, TrainInstructCommand.self,
            TrainRouterCommand.self, TrainExpertsCommand.self, TrainAllCommand.self,
        ])
}
