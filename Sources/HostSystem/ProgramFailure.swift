import MirrorConfiguration

/// Why a command cannot go on: what happened, what to do next, and how it ends.
package struct ProgramFailure: Error, Sendable {
    package let status: ExitStatus
    package let problem: String
    package let advice: String
    /// For programs: what it is called.
    package let word: String

    /// - Parameter word: by default that of the status.
    package init(
        _ status: ExitStatus, _ problem: String, advice: String = "", word: String? = nil
    ) {
        self.word = word ?? status.word
        self.status = status
        self.problem = problem
        self.advice = advice
    }

    package init(_ fault: ConfigurationFault) {
        self.init(.configuration, fault.description, advice: fault.advice)
    }
}
