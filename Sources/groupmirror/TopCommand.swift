import ArgumentParser
import ChatModel
import Glibc
import MirrorConfiguration
import MirrorStore
import SyncEngine
import HostSystem

/// `top`: the mirror as it lives, on a terminal.
struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watch the mirror on a terminal.",
        discussion: """
            Users by state, calls a second and the age of the oldest copy as running lines, edits, held deletions, the \
            newest changes, and users in trouble. It reads the database and nothing else, at most a fifth of the \
            time. Without colours where NO_COLOR is set or with --plain.

            Keys:
              f s h p   only users that are failing, stale, held or parked
              a         all users in trouble
              q         quit (Ctrl-C, too)

            Example:
              groupmirror top --config shop
            """)

    @OptionGroup var common: CommonOptions
    @Flag(help: "Without colours, and with nothing but letters, digits and signs of ASCII.")
    var plain = false

    func run() throws {
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
            throw ValidationError(
                "top needs a terminal; for scripts there is 'groupmirror status --json'")
        }
        let settings = try common.settingsOfMirror()
        let time = SystemTimekeeper()
        var history = TopHistory()
        var filter: UsersCommand.State?
        // The first look is before the screen: what goes wrong is said as by every command.
        var look = try TopLook(settings, time, filter)
        let terminal = try Terminal()
        defer { terminal.restore() }
        while true {
            let began = time.now()
            history.add(look.status, at: began)
            terminal.show(
                TopScreen(
                    look: look, history: history, filter: filter,
                    style: plain ? .plain : Output.hasColors ? .colors : .noColors
                ).lines(width: terminal.width, height: terminal.height))
            let due = began + max(.seconds(1), look.took * 4)
            while time.now() < due {
                switch terminal.key(before: due - time.now()) {
                case "q", "\u{3}": return
                case "f": filter = .failing
                case "s": filter = .stale
                case "h": filter = .held
                case "p": filter = .parked
                case "a": filter = nil
                case nil: break
                default: continue
                }
                break
            }
            look = try TopLook(settings, time, filter)
        }
    }
}

/// What the screen shows, of one moment.
struct TopLook {
    let status: MirrorStatus
    /// The newest first.
    let changes: [MirrorReader.ChangeRow]
    let users: [MirrorReader.UserRow]
    /// How long it took to read.
    let took: Duration

    /// Of each list, as many as a tall screen shows.
    private static let most = 100

    init(
        _ settings: MirrorSettings, _ time: SystemTimekeeper, _ filter: UsersCommand.State?
    ) throws {
        let began = time.now()
        let reader = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
        status = try MirrorStatus(settings, time, reader)
        let since = max(0, status.lastChange - Int64(Self.most))
        changes = try reader.changes(since: since, user: nil, limit: Self.most).reversed()
        var users: [MirrorReader.UserRow] = []
        for state in filter.map({ [$0] }) ?? [.failing, .stale, .held, .parked] {
            let rest = Self.most - users.count
            if rest > 0 { try reader.users(state: state.rawValue, most: rest) { users.append($0) } }
        }
        self.users = users
        took = time.now() - began
    }
}

/// What runs along a line: the last minutes.
struct TopHistory {
    private(set) var calls: [Double] = []
    private(set) var ages: [Double] = []
    private var last: (calls: Int, process: Int32, at: MonotonicTime)?

    /// As many as a wide screen shows.
    private static let most = 500

    /// Takes in a moment; calls are counted from the one before.
    mutating func add(_ status: MirrorStatus, at now: MonotonicTime) {
        ages.append(status.oldestPull.map { Double((status.now - $0).milliseconds) / 1000 } ?? 0)
        if let process = status.process, let total = status.daemon?.calls {
            if let last, last.process == process, now > last.at {
                let seconds = Double((now - last.at).milliseconds) / 1000
                calls.append(max(0, Double(total - last.calls) / max(0.001, seconds)))
            }
            last = (total, process, now)
        } else {
            last = nil
            calls.append(0)
        }
        calls = calls.suffix(Self.most)
        ages = ages.suffix(Self.most)
    }
}
