import ArgumentParser

/// The command line: parsing and printing only.
@main
struct MedMoECommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "medmoe",
        abstract: "Answers questions about medical images with a mixture of domain experts, on one machine or many.",
        discussion: """
            FOR RESEARCH ONLY, NOT FOR CLINICAL USE: answers may be wrong and must not be used to diagnose, treat or advise.

            One process, no network:
              medmoe ask --model DIR --image scan.jpg "Is the heart enlarged?"

            A coordinator and expert workers (here on one machine; on several, use tcp://HOST:PORT):
              medmoe coordinator --model DIR --listen tcp://127.0.0.1:7070
              medmoe worker --model DIR --experts CT,MRI --connect tcp://127.0.0.1:7070
              medmoe worker --model DIR --experts X-Ray,Pathology --connect tcp://127.0.0.1:7070
              medmoe ask --image scan.jpg "Is the heart enlarged?"

            The model in cluster/models/medmoe-tiny was trained on SLAKE (Liu et al., ISBI 2021, CC BY 4.0), \
            VQA-RAD (CC0) and PathVQA (MIT).
            """,
        version: "0.1.0",
        subcommands: [
            AskCommand.self, ClassifyCommand.self, CoordinatorCommand.self, WorkerCommand.self, StatusCommand.self,
            ClusterCommand.self, InspectCommand.self, ShardCommand.self, TraceCommand.self, SynthesizeCommand.self,
            BenchCommand.self, LoadCommand.self, KeysCommand.self, TrainCommand.self, TrainerCommand.self, TokenizerCommand.self,
            EvalCommand.self, PlotCommand.self,
        ])

    static func main() async {
        ProcessEnvironment.prepare()
        ProcessEnvironment.skipLibrariesAtExit()
        ProcessEnvironment.ignoreFileSizeSignal()
        await main(nil)
    }
}
