import ChatModel
import MirrorStore
import SyncRules
import HostSystem
import Daemon

/// When and why one user is pulled next: `users --explain`.
struct UserExplanation {
    private let row: MirrorReader.UserRow
    private let pull: PullNote?
    private let outlook: PullOutlook?
    private let openEdits: Int
    private let now: WallTime

    init(of user: UserID, in reader: MirrorReader, now: WallTime) throws {
        var found: MirrorReader.UserRow?
        try reader.users(user: user.string) { found = $0 }
        guard let found else { throw ProgramFailure.notListed(user) }
        row = found
        self.now = now
        openEdits = try reader.count(
            EditSelection(user: user, states: [.queued, .sending])
        ).open
        let daemon = try reader.daemon()
        pull = try reader.lastPull(of: user)
        outlook = pull.map {
            PullOutlook(
                evidence: $0.evidence, calls: $0.calls, age: now - $0.at,
                price: daemon?.price ?? 0, limit: daemon?.limit ?? .zero)
        }
    }

    /// A label and what stands beside it.
    var rows: [[String]] {
        var rows = [[row.user, "\(row.state), pulled \(pulled)"]]
        if let pull, let outlook {
            rows.append(["changes", changes(pull.evidence, outlook)])
            rows.append(["copy", copy(outlook)])
        }
        rows.append(["next", next])
        return rows
    }

    private var pulled: String {
        guard let pull else { return row.pulledAt ?? "never" }
        return "\(spokenAgo(now - pull.at)), with \(counted(pull.calls, "call"))"
    }

    private func changes(_ evidence: Evidence, _ outlook: PullOutlook) -> String {
        let days = Double(evidence.watched) / 86_400
        return "\(short(evidence.rate * 86_400)) a day, by \(short(Double(evidence.changes))) in "
            + "\(short(days)) days, old ones counted less; its turn is among users of "
            + "\(short(outlook.changesADay.lowerBound)) to \(short(outlook.changesADay.upperBound)) a day"
    }

    private func copy(_ outlook: PullOutlook) -> String {
        "\(short(outlook.chance * 100)) % likely to lack a change; expected to be "
            + "\(spokenStaleness(outlook.staleness)) stale"
    }

    private var next: String {
        if openEdits > 0 { return "as soon as its \(counted(openEdits, "open edit")) may be sent" }
        switch row.state {
        case "unlisted": return "never: it is not in the list"
        case "parked", "failing": return "at \(row.retryAt ?? "?"), because the last pull failed"
        case "new":
            return "soon: users never pulled have nine of ten turns, in the order of the list"
        default: break
        }
        guard let outlook, let age = outlook.ageThen, let stale = outlook.stalenessThen else {
            return "not known: no daemon has said at what staleness users are pulled"
        }
        let wait = age - outlook.age
        let when = wait > .zero ? "in about \(spoken(wait))" : "now"
        return outlook.isAtLimit
            ? "\(when), because no copy may become older"
            : "\(when), when its copy is expected to be \(spokenStaleness(stale)) stale"
    }

    private func short(_ number: Double) -> String {
        switch number {
        case ..<0.01: decimals(number, 4)
        case ..<1: decimals(number, 2)
        case ..<10: decimals(number, 1)
        default: decimals(number, 0)
        }
    }

    var json: String {
        JSONText.object([
            "user": JSONText.string(row.user), "state": JSONText.string(row.state),
            "pulled_at": JSONText.string(pull?.at.description ?? row.pulledAt),
            "calls": JSONText.number(pull?.calls),
            "changes": pull.map { decimals(Double($0.evidence.changes), 3) },
            "watched_s": pull.map { decimals(Double($0.evidence.watched), 0) },
            "changes_a_day": pull.map { decimals($0.evidence.rate * 86_400, 4) },
            "class_from": outlook.map { decimals($0.changesADay.lowerBound, 4) },
            "class_to": outlook.map { decimals($0.changesADay.upperBound, 4) },
            "staleness_s": outlook.map { decimals($0.staleness.inSeconds, 1) },
            "chance": outlook.map { decimals($0.chance, 4) },
            "next_at": JSONText.string(nextAt?.description),
            "at_limit": outlook.map { $0.isAtLimit ? "true" : "false" },
            "open_edits": JSONText.number(openEdits),
        ])
    }

    private var nextAt: WallTime? {
        switch row.state {
        case "fresh", "stale", "held":
            guard openEdits == 0, let pull, let age = outlook?.ageThen else { return nil }
            return max(now, pull.at + age)
        default: return nil
        }
    }
}
