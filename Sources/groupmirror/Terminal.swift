import CLinux
import ChatModel
import Foundation
import Glibc
import HostSystem

/// The terminal as a screen: each key is read as it is pressed, and what stood there comes back at the end.
final class Terminal {
    /// As it was, for the end, which may come by a signal.
    nonisolated(unsafe) private static var before = termios()
    private static let begin = "\u{1B}[?1049h\u{1B}[?25l"
    private static let end = "\u{1B}[?25h\u{1B}[?1049l"

    /// - Throws: when it cannot be set up.
    init() throws {
        guard tcgetattr(STDIN_FILENO, &Self.before) == 0 else {
            throw ProgramFailure(.unexpected, "the terminal cannot be set up")
        }
        var raw = Self.before
        cfmakeraw(&raw)
        guard tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0 else {
            throw ProgramFailure(.unexpected, "the terminal cannot be set up")
        }
        // A new size interrupts the wait for a key.
        signal(SIGWINCH) { _ in }
        for number in [SIGTERM, SIGHUP, SIGINT] {
            signal(number) { number in
                Terminal.restore()
                signal(number, SIG_DFL)
                raise(number)
            }
        }
        Output.raw(Self.begin, to: STDOUT_FILENO)
    }

    func restore() { Self.restore() }

    private static func restore() {
        _ = tcsetattr(STDIN_FILENO, TCSANOW, &before)
        _ = end.withCString { write(STDOUT_FILENO, $0, strlen($0)) }
    }

    var width: Int { max(20, Int(gm_terminal_columns(STDOUT_FILENO))) }
    var height: Int { max(5, Int(gm_terminal_rows(STDOUT_FILENO))) }

    /// Draws over what is there; no line may be wider than the screen.
    func show(_ lines: [String]) {
        let text = lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n")
        Output.raw("\u{1B}[H" + text + "\u{1B}[J", to: STDOUT_FILENO)
    }

    /// The key that is pressed within the time; nil when none is, or the screen has got another size. The end of
    /// the input counts as `q`.
    func key(before span: Duration) -> Character? {
        var waiting = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, Int32(clamping: max(1, span.milliseconds))) > 0 else {
            return nil
        }
        var byte: UInt8 = 0
        guard read(STDIN_FILENO, &byte, 1) == 1 else { return "q" }
        return Character(UnicodeScalar(byte))
    }
}
