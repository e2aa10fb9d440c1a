import ChatEmulator
import ChatModel

// What the cloud sees of us, kept apart from everything that the engine knows: who wrote each name
// and each custom mark last, when a listing was read, how many calls came within a second.

/// The witness at the cloud's door.
final class CloudWatch {
    /// Something that two sides can change, and about which they can be of different minds.
    enum Field: Hashable {
        case customMark(user: String, ContactID)
        case groupName(user: String, Int64)
    }

    /// The value that a phone gave a field, and when; gone once we have written it.
    private var phones: [Field: MonotonicTime] = [:]
    /// By process and user: when the first page of the last listing was read.
    private var listings: [String: MonotonicTime] = [:]
    /// Values that edits are known to stand on or to want.
    private var known: [Field: Set<String>] = [:]
    private var arrivals: [String: [MonotonicTime]] = [:]
    /// By user, when it was last listed.
    private(set) var lastListed: [String: MonotonicTime] = [:]
    /// By user, when we wrote last.
    private(set) var lastWritten: [String: MonotonicTime] = [:]
    /// How often each conversation that one addition alone names has entered a group.
    private(set) var entered: [String: Int] = [:]
    private let diary: WorldDiary
    private let mayOverwrite: Bool

    /// Users of whom a listing did not show what the cloud has.
    private(set) var liedTo: Set<String> = []
    /// What phones have ever changed, deleted or given a name to.
    private var changedByPhones: Set<Field> = []
    private var deletedByPhones: Set<String> = []
    private var namedByPhones: Set<String> = []
    /// Hashes of everything that a user ever had.
    private var past: [String: Set<Int>] = [:]
    /// Calls of one command within a second.
    private let most: Int

    init(_ diary: WorldDiary, mayOverwrite: Bool, most: Int) {
        self.diary = diary
        self.mayOverwrite = mayOverwrite
        self.most = most
    }

    // MARK: Calls

    /// A call of ours arrives: at most so many of a command within any second.
    func arrival(of command: String, at now: MonotonicTime) {
        var times = arrivals[command] ?? []
        if let first = times.first, now - first >= .seconds(1) {
            times.removeAll { now - $0 >= .seconds(1) }
        }
        times.append(now)
        arrivals[command] = times
        if times.count == most { diary.count("calls that filled a second") }
        if times.count > most {
            diary.problem(
                "\(times.count) calls of \(command) within a second at \(now.nanoseconds) ns")
        }
    }

    func listed(_ user: String, by process: Int, at now: MonotonicTime) {
        listings["\(process) \(user)"] = now
        lastListed[user] = now
    }

    /// The listing did not show what the cloud has: who believes it cannot be blamed.
    func lied(to process: Int, about user: String) {
        listings["\(process) \(user)"] = nil
        liedTo.insert(user)
    }

    // MARK: What was

    /// The cloud has this of the user from now on.
    func has(_ user: String, _ state: CloudUser) {
        past[user, default: []].insert(UserFacts(state).hashValue)
    }

    /// Whether the cloud ever had it.
    func everHad(_ user: String, _ facts: UserFacts) -> Bool {
        past[user]?.contains(facts.hashValue) ?? false
    }

    // MARK: Fields

    /// What an accepted edit stands on and what it wants are no surprise.
    func expect(_ field: Field, _ values: [String]) {
        known[field, default: []].formUnion(values)
    }

    func phoneChanged(_ user: String, from old: CloudUser, to new: CloudUser, at now: MonotonicTime)
    {
        guard old.version != new.version else { return }
        has(user, new)
        for (field, _, _) in CloudWatch.differences(user, old, new) {
            phones[field] = now
            changedByPhones.insert(field)
        }
        let (before, after) = (Set(old.groups), Set(new.groups))
        if !Set(before.map(\.id)).isSubset(of: after.map(\.id)) { deletedByPhones.insert(user) }
        if !after.isSubset(of: before) { namedByPhones.insert(user) }
    }

    /// Whether phones have given cause to reject an edit for this reason.
    func isCause(of reason: String, _ user: String, _ operation: EditOperation) -> Bool {
        switch (reason, operation) {
        case ("conflict", .mark(let id, _)):
            changedByPhones.contains(
                .customMark(
                    user: user, ContactID(type: id.kind.rawValue, peer: id.peer.string)))
        case ("conflict", _):
            changedByPhones.contains {
                if case .groupName(user, _) = $0 { true } else { false }
            } || deletedByPhones.contains(user)
        case ("group_missing", _): deletedByPhones.contains(user)
        case ("name_taken", _): namedByPhones.contains(user)
        default: true
        }
    }

    /// A write of ours was done. What it overwrites must not be a change of a phone that the
    /// listing before it had shown, unless the policy says so.
    func weWrote(
        _ user: String, by process: Int, from old: CloudUser, to new: CloudUser,
        at now: MonotonicTime
    ) {
        lastWritten[user] = now
        if old.version != new.version { has(user, new) }
        for (field, before, after) in CloudWatch.differences(user, old, new) {
            defer { phones[field] = nil }
            guard !mayOverwrite, let changed = phones[field],
                let listing = listings["\(process) \(user)"], changed < listing,
                known[field]?.contains(before) != true
            else { continue }
            diary.problem(
                "\(field) was changed to '\(before)' by a phone at \(changed.nanoseconds), listed at "
                    + "\(listing.nanoseconds), and overwritten with '\(after)'")
        }
        countEntries(user, old, new)
    }

    private func countEntries(_ user: String, _ old: CloudUser, _ new: CloudUser) {
        for (id, contact) in new.contacts where id.peer.hasPrefix("once") {
            let added = contact.groups.subtracting(old.contacts[id]?.groups ?? [])
            if !added.isEmpty { entered[user + " " + id.peer, default: 0] += 1 }
        }
    }

    private static func differences(_ user: String, _ old: CloudUser, _ new: CloudUser)
        -> [(field: Field, before: String, after: String)]
    {
        guard old.version != new.version else { return [] }
        var found: [(Field, String, String)] = []
        for id in Set(old.contacts.keys).union(new.contacts.keys) {
            let (before, after) = (old.contacts[id]?.custom ?? "", new.contacts[id]?.custom ?? "")
            if before != after { found.append((.customMark(user: user, id), before, after)) }
        }
        for group in new.groups {
            let before = old.groups.first { $0.id == group.id }?.name
            if let before, before != group.name {
                found.append((.groupName(user: user, group.id), before, group.name))
            }
        }
        return found
    }
}
