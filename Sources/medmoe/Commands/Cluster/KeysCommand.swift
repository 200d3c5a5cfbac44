import ArgumentParser
import Wire

/// `medmoe keys`
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Makes the keys that encrypt and authenticate links between machines.",
        discussion: """
            Each side has a key of its own and a file with the public lines of those whom it trusts:

              medmoe keys new coordinator --role coordinator     # on the coordinator's machine
              medmoe keys new worker-a --role worker             # on a worker's machine
              cat worker-a.pub >> authorized                     # at the coordinator; and the other way round
            """,
        subcommands: [KeysNewCommand.self, KeysShowCommand.self])
}

/// `medmoe keys new`
struct KeysNewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Makes a key: NAME.key, which stays secret, and NAME.pub, one line for the others' --authorized-keys files.",
        discussion: "A key with a role may do nothing else: a worker's key cannot ask questions. Files are never overwritten.")

    @Argument(help: "Name of the key: letters, digits, '.', '_' and '-'.")
    var name: String

    @Option(help: ArgumentHelp("What the key may be used for: coordinator, worker or client. Default: everything.", valueName: "role"))
    var role: KeyRole?

    @Option(help: ArgumentHelp("Folder for the two files.", valueName: "dir"))
    var out = "."

    func run() throws {
        let key = try KeyPair.generate(name: name, role: role)
        let paths = try key.write(to: out)
        Terminal.note("\(paths.secret) is secret (only you can read it); \(paths.public) is for the others:")
        try Terminal.output(key.identity.line + "\n")
    }
}

/// `medmoe keys show`
struct KeysShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Prints the public line of a key file, for the others' --authorized-keys files.")

    @Argument(help: "A .key file.")
    var file: String

    func run() throws { try Terminal.output(KeyPair(contentsOf: file).identity.line + "\n") }
}

extension KeyRole: ExpressibleByArgument {}
