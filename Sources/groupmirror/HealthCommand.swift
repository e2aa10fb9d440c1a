import ArgumentParser
import ChatAPI
import ChatModel
import Daemon
import MirrorConfiguration
import MirrorStore
import SyncEngine
import HostSystem

/// `health`: one line for a monitoring system.
struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Check everything, in the form of a monitoring plugin.",
        discussion: """
            Prints one line, with performance data after '|', and exits with 0 (fine), 1 (degraded) or \
            2 (bad).

            Bad: no daemon runs or it does not respond; the database or the configuration cannot be \
            used; the cloud refuses, or cannot be reached; the clock is off so that the cloud refuses \
            signatures; at least half of the users are stale, or no user is imported.
            Degraded: the daemon is starting, or nothing was pulled yet; the last reload was rejected; users are stale; over a twentieth fail; deletions or rejected edits wait for an \
            operator; the clock differs from the cloud's by more than five minutes.

            Examples: one app, and all of this machine.
              groupmirror health --config shop
              groupmirror health --all
            """)

    /// The states of a monitoring plugin.
    private enum Grade: Int32 {
        case fine = 0
        case degraded = 1
        case bad = 2

        var word: String {
            switch self {
            case .fine: "OK"
            case .degraded: "WARNING"
            case .bad: "CRITICAL"
            }
        }
    }

    @OptionGroup var common: CommonOptions
    @Flag(help: "Every configuration in the standard directory: a line each, after one for all.")
    var all = false

    func validate() throws {
        if all, common.config != nil { throw ValidationError("say --all or --config, not both") }
    }

    func run() throws {
        do {
            if all { try concludeAll() }
            let settings = try common.settingsOfMirror()
            let status = try MirrorStatus(settings, SystemTimekeeper())
            let (bad, degraded) = (status.badNews, status.degradedNews)
            let grade: Grade = !bad.isEmpty ? .bad : degraded.isEmpty ? .fine : .degraded
            let news = bad + degraded
            conclude(
                grade, news.isEmpty ? status.goodNews : news.joined(separator: "; "),
                data: status.performanceData)
        } catch {
            let failure = ProgramFailure(error)
            conclude(.bad, failure.problem, data: nil)
        }
    }

    /// The worst of all, then a line for each.
    private func concludeAll() throws -> Never {
        let answers = try EveryConfiguration.run(["health"])
        let grades = answers.map { Grade(rawValue: $0.answer.status) ?? .bad }
        let worst = grades.max { $0.rawValue < $1.rawValue } ?? .bad
        let named = zip(answers, grades).filter { $1 == worst }.map(\.0.name).joined(
            separator: ", ")
        let words = worst == .fine ? "all \(answers.count) are fine" : named
        Output.data("GROUPMIRROR \(worst.word) - \(Output.shown(words))")
        for ((name, answer), grade) in zip(answers, grades) {
            let line = answer.output.lines.first ?? answer.errors.lines.first ?? "no answer"
            let words = line.split(separator: " - ", maxSplits: 1).last ?? line
            Output.data(
                "\(name): \(grade.word) - \(words.split(separator: " | ").first ?? words)")
        }
        Output.leave(code: worst.rawValue)
    }

    private func conclude(_ grade: Grade, _ words: String, data: String?) -> Never {
        // The bar and line feeds mean something to the reader.
        let text = Output.shown(words).replacing("|", with: "/")
        Output.data("GROUPMIRROR \(grade.word) - \(text)" + (data.map { " | \($0)" } ?? ""))
        Output.leave(code: grade.rawValue)
    }
}

extension MirrorStatus {
    private func count(_ state: String) -> Int { states[state] ?? 0 }

    fileprivate var badNews: [String] {
        var news: [String] = []
        if process == nil {
            news.append(
                command == nil ? "no daemon runs" : "a command calls the cloud, no daemon runs")
        } else if isSilent {
            news.append("the daemon has not responded since \(silentSince)")
        } else if let pulse = heartbeat?.pulse {
            if pulse.storeProblem != nil
                || ["refused", "unreachable", "clock_off"].contains(pulse.cloud)
            {
                news.append(pulse.sentence)
            }
        }
        if listed > 0, count("parked") == listed { news.append("no user of the list is imported") }
        if count("stale") > 0, count("stale") * 2 >= listed {
            news.append("\(count("stale")) of \(listed) users are stale")
        }
        return news
    }

    fileprivate var degradedNews: [String] {
        var news: [String] = []
        if process != nil, heartbeat == nil || heartbeat?.pulse == .starting {
            news.append("the daemon is starting")
        } else if heartbeat?.pulse.cloud == "unknown" {
            news.append("nothing is known of the cloud yet")
        }
        if heartbeat?.pulse.isReloadRejected ?? false { news.append(Pulse.reloadRejected) }
        if count("new") > 0, count("new") == listed { news.append("no user was pulled yet") }
        if count("stale") > 0, count("stale") * 2 < listed {
            news.append("\(count("stale")) of \(listed) users are stale")
        }
        if count("failing") * 20 > listed {
            news.append("\(count("failing")) of \(listed) users fail")
        }
        if undecided > 0 {
            news.append("the deletions of \(counted(undecided, "user")) wait for an operator")
        }
        if outbox.rejected > 0 {
            news.append("rejected edits that wait for an operator: \(outbox.rejected)")
        }
        if let pulse = heartbeat?.pulse, let offset = pulse.clockOffset, pulse.cloud != "clock_off"
        {
            news.append("the clock is \(offset.asClockOffset) the cloud's")
        }
        return news
    }

    fileprivate var goodNews: String {
        let age = oldestPull.map { ", the oldest copy pulled \(spokenAgo(now - $0))" } ?? ""
        return "\(counted(listed, "user")), \(count("fresh")) fresh\(age)"
    }

    /// As monitoring plugins write it: `name=value[unit]`.
    fileprivate var performanceData: String {
        let numbers: [(String, Int)] = [
            ("users", listed), ("fresh", count("fresh")), ("stale", count("stale")),
            ("new", count("new")), ("failing", count("failing")), ("held", count("held")),
            ("held_undecided", undecided), ("parked", count("parked")),
            ("outbox_open", outbox.open), ("outbox_rejected", outbox.rejected),
        ]
        let age = oldestPull.map { max(0, (now - $0).milliseconds / 1000) }
        return (numbers.map { "\($0)=\($1)" } + (age.map { ["oldest=\($0)s"] } ?? []))
            .joined(separator: " ")
    }
}
