import ArgumentParser
import Wire

/// How tcp links are encrypted, and with whom.
struct LinkOptions: ParsableArguments {
    @Option(help: ArgumentHelp("This side's key file, made with `medmoe keys new`: every tcp link is encrypted then. Without it tcp is for this machine only.", valueName: "file"))
    var key: String?

    @Option(name: .customLong("authorized-keys"), help: ArgumentHelp("File with the .pub lines of those who may be at the other end. Read again when it changes.", valueName: "file"))
    var authorizedKeys: String?

    @Flag(help: "Unencrypted links to other machines too: anybody in that network can read and change what is sent.")
    var insecure = false

    /// Reads the files.
    ///
    /// - Parameter role: what this process is; a key of another role is refused.
    /// - Throws: `SecurityError`, which says what to do.
    func security(as role: KeyRole) throws -> LinkSecurity {
        try LinkSecurity(keyFile: key, authorizedKeys: authorizedKeys, insecure: insecure, as: role)
    }
}
