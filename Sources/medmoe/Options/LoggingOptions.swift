import ArgumentParser
import Logging

/// What a long-running process says on standard error.
struct LoggingOptions: ParsableArguments {
    @Option(name: .customLong("log-level"), help: "Least severe messages to show: trace, debug, info, notice, warning, error or critical.")
    var level: Logger.Level = .info

    func logger(_ part: String) -> Logger {
        var logger = Logger(label: "medmoe.\(part)", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = level
        return logger
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
