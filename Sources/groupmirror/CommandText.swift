import Daemon
import Glibc
import MirrorStore

// Before any command: what the process was given.

/// The words of the command line.
enum CommandText {
    /// Refuses words that are not UTF-8: they would be read with other characters in their place, and
    /// two different keys of edits would be one.
    static func check() throws(ProgramFailure) {
        for position in 1..<max(1, Int(CommandLine.argc)) {
            guard let word = CommandLine.unsafeArgv[position],
                String(validatingCString: word) == nil
            else { continue }
            throw ProgramFailure(
                .usage,
                "the command's word \(position), '\(String(cString: word))', is not UTF-8",
                advice: "groups, marks, users and keys are UTF-8: convert the text first")
        }
    }
}

/// Standard input, output and error.
enum Streams {
    /// Makes them what the commands rely on.
    static func prepare() {
        // One that is closed would be the first file that is opened, a database perhaps.
        while true {
            let descriptor = open("/dev/null", O_RDWR)
            if descriptor > STDERR_FILENO || descriptor < 0 {
                close(descriptor)
                break
            }
        }
        // systemd and others start their children with this signal ignored: a command would not notice
        // that nobody reads what it writes. Those that call the cloud ignore it themselves.
        signal(SIGPIPE, SIG_DFL)
    }
}
