import CLinux
import ChatModel
import Foundation
import Glibc
import HostSystem

// Where all output passes: data on standard output, everything else on standard error.

/// The two streams.
enum Output {
    /// A line of data.
    static func data(_ line: String) {
        raw(line + "\n", to: STDOUT_FILENO)
    }

    /// A line on standard error.
    static func note(_ line: String) {
        raw(line + "\n", to: STDERR_FILENO)
    }

    /// Standard output was closed when the program began: whoever starts it so loses what it prints.
    nonisolated(unsafe) static var isClosed = false

    /// Writes all of it; what a reader that went away does not take is lost. Data that cannot be
    /// written for another reason ends the program: half an export must not look like one.
    static func raw(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        if isClosed, descriptor == STDOUT_FILENO { leave(cannotWrite: EBADF) }
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                let error = errno
                if error == EINTR { continue }
                if error == EAGAIN {
                    waitForRoom(descriptor)
                    continue
                }
                if error == EPIPE || descriptor != STDOUT_FILENO { return }
                leave(cannotWrite: error)
            }
            bytes = bytes.dropFirst(count)
        }
    }

    private static func leave(cannotWrite error: Int32) -> Never {
        note("groupmirror: the output cannot be written: \(String(cString: strerror(error)))")
        note(
            "  what was printed is not complete, and what was changed stands: make room, and look at "
                + "'groupmirror outbox list' before an edit is repeated")
        leave(.storage)
    }

    /// Another program may have made the stream non-blocking.
    private static func waitForRoom(_ descriptor: Int32) {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&waiting, 1, -1)
    }

    static func leave(_ status: ExitStatus) -> Never { leave(code: status.rawValue) }

    static func leave(code: Int32) -> Never { Foundation.exit(code) }

    /// Columns of the terminal behind standard error; nil when it is none.
    static var terminalWidth: Int? {
        guard isatty(STDERR_FILENO) == 1 else { return nil }
        let columns = Int(gm_terminal_columns(STDERR_FILENO))
        return columns > 0 ? columns : 80
    }

    /// Whether a terminal shows colours, and whoever looks at it wants them.
    static var hasColors: Bool {
        let environment = ProcessInfo.processInfo.environment
        return environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
    }

    /// Text of the cloud for a terminal: what could move the cursor or turn text around is shown as
    /// `?`.
    static func shown(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: "?"
                    default: scalar
                    }
                }))
    }

    /// Columns padded to the widest of each.
    static func table(_ rows: [[String]]) {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        for row in rows {
            let cells = zip(row, widths).map { cell, width in
                cell.padded(to: width)
            }
            data(String(cells.joined(separator: "  ").dropLast { $0 == " " }))
        }
    }
}

extension String {
    /// With spaces behind it up to the width; one that is longer stays as it is.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}

/// `1 user`, `2 users`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

/// A number with so many digits behind the point.
func decimals(_ number: Double, _ digits: Int) -> String {
    String(format: "%.\(digits)f", number)
}
