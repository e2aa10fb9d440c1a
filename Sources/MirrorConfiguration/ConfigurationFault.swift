/// Something wrong in a file that the operator wrote: where, what, and what would be right.
package struct ConfigurationFault: Error, Hashable, Sendable, CustomStringConvertible {
    package let file: String
    /// Counted from 1; nil when the file as a whole is meant.
    package let line: Int?
    package let problem: String
    /// The next step; empty when the problem says it.
    package let advice: String

    package init(file: String, line: Int? = nil, problem: String, advice: String = "") {
        self.file = file
        self.line = line
        self.problem = problem
        self.advice = advice
    }

    package var description: String {
        "\(file):" + (line.map { "\($0):" } ?? "") + " \(problem)"
    }
}
