import HostSystem

// `--all`: the same command for every configuration of the machine. Each has a process of its own, because root
// becomes the owner of a mirror for good.

/// The command for each configuration.
enum EveryConfiguration {
    /// Runs this program with `arguments` for every configuration, one after the other.
    static func run(_ arguments: [String]) throws -> [(name: String, answer: OtherProgram.Answer)] {
        try ConfigurationPlace.all().map { name in
            (
                name,
                try OtherProgram.runThis(
                    arguments, configuration: ConfigurationPlace.path(of: name))
            )
        }
    }
}
