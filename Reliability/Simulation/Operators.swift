import ChatEmulator
import ChatModel
import Disk
import GRDB
import MirrorStore
import SyncRules

// Persons and scripts at the command line: they queue edits by what the mirror shows them, take
// edits back, ask for pulls, decide about held deletions. Each does it through a store of its own,
// as `groupmirror edit` does.

/// The commands of a world.
final class Operators {
    private let plan: WorldPlan
    private let diary: WorldDiary
    private let clock: ProcessClock
    private let disk: SimulatedDisk
    private let watch: CloudWatch
    private var random: SplitMix
    private var user = DiskUser()
    private(set) var store: SQLiteMirror?
    /// What anybody may do with `sqlite3`.
    private var shell: DatabaseQueue?
    private(set) var witness: MirrorWitness?
    private var count = 0
    /// Everything that was ordered, by key, whether it was accepted or not.
    private(set) var orders: [String: EditOrder] = [:]
    /// Keys of orders that were accepted for certain.
    private(set) var accepted: Set<String> = []
    /// Users whose outbox an operator has meddled with.
    private(set) var meddled: Set<String> = []
    private(set) var requests: [Int64] = []
    /// Is told everything that was written.
    var record: (StoreStep) -> Void = { _ in }

    init(
        _ plan: WorldPlan, clock: ProcessClock, disk: SimulatedDisk, watch: CloudWatch,
        diary: WorldDiary
    ) {
        self.plan = plan
        self.clock = clock
        self.disk = disk
        self.watch = watch
        self.diary = diary
        random = plan.random(31)
    }

    /// Opens the database once it is there, and again after a power cut. A new witness knows what the
    /// one before it has read.
    func open() -> Bool {
        if store != nil, !user.isDead { return true }
        store = nil
        user = DiskUser()
        disk.user = user
        do {
            store = try SQLiteMirror(
                path: SimulatedProcess.database, sdkAppID: SimulatedProcess.app,
                access: .onCallersThread)
            witness = try MirrorWitness(
                path: SimulatedProcess.database, diary, after: witness)
            var configuration = Configuration()
            configuration.allowsUnsafeTransactions = true
            shell = try DatabaseQueue(
                path: SimulatedProcess.database, configuration: configuration)
        } catch {
            store = nil
            return false
        }
        return true
    }

    // MARK: Edits

    /// Queues some edits for one user, each in a transaction of its own.
    func edit() {
        guard open(), let store, let witness else { return }
        let name = plan.userName(1 + random.below(plan.users))
        for _ in 0...random.below(4) {
            do {
                let view = try witness.read { try PendingView(name, $0) }
                count += 1
                let key = "key \(count)"
                let operation = operation(view)
                let order = EditOrder(
                    user: UserID(checkedBytes: name.utf8), key: key, operation: operation)
                orders[key] = order
                let edit = try store.queue(at: clock.wallTime()) { try $0.add(order) }
                accepted.insert(key)
                record(.queue(order, clock.wallTime()))
                expect(operation, of: name, view)
                diary.count("edits")
                diary.line("\(clock.now().nanoseconds) edit \(edit.id) \(name) \(operation)")
            } catch is EditFault {
                diary.count("edits refused")
            } catch {
                diary.count("edits that met the disk")
            }
        }
    }

    /// Tells the witness at the cloud what the edit stands on and what it wants.
    private func expect(_ operation: EditOperation, of user: String, _ view: PendingView) {
        switch operation {
        case .mark(let id, let marks):
            guard let custom = marks.custom else { return }
            watch.expect(
                .customMark(
                    user: user, ContactID(type: id.kind.rawValue, peer: id.peer.string)),
                [
                    view.marks[id.peer.string] ?? "", view.mirrorMarks[id.peer.string] ?? "",
                    custom.string,
                ])
        case .rename(let group, let name):
            for number in view.groups.filter({ $0.value == group.name.string }).keys {
                watch.expect(
                    .groupName(user: user, number),
                    [group.name.string, view.mirrorGroups[number] ?? "", name.string])
            }
        case .create, .ensure, .delete, .add, .remove: break
        }
    }

    /// The user with open edits applied, as the pending views show it.
    private struct PendingView {
        var groups: [Int64: String] = [:]
        var members: [(group: String, peer: String)] = []
        var marks: [String: String] = [:]
        /// Without the open edits: what a new edit stands on.
        var mirrorGroups: [Int64: String] = [:]
        var mirrorMarks: [String: String] = [:]

        init(_ user: String, _ rows: MirrorWitness.Fetch) throws {
            for row in try rows(
                "SELECT group_id, group_name FROM conversation_groups_pending WHERE user = ?",
                [user])
            { groups[row[0]] = row[1] }
            members = try rows(
                """
                SELECT group_name, peer FROM memberships_pending WHERE user = ? AND type = 1
                ORDER BY group_id, peer
                """, [user]
            ).map { ($0[0], $0[1]) }
            for row in try rows(
                "SELECT peer, custom_mark FROM conversations_pending WHERE user = ? AND type = 1",
                [user])
            { marks[row[0]] = row[1] }
            for row in try rows(
                "SELECT group_id, group_name FROM conversation_groups WHERE user = ?", [user])
            { mirrorGroups[row[0]] = row[1] }
            for row in try rows(
                "SELECT peer, custom_mark FROM conversations WHERE user = ? AND type = 1", [user])
            { mirrorMarks[row[0]] = row[1] }
        }
    }

    private func operation(_ view: PendingView) -> EditOperation {
        let once = ConversationID.user(ExactText("once\(count)"))
        let creation = EditOperation.create(
            name: ExactText("made \(count)"), [once, .user("shared")])
        guard
            let group = view.groups.sorted(by: { $0.key < $1.key }).map(\.value)
                .randomElement(using: &random)
        else { return creation }
        let reference = GroupReference(id: nil, name: ExactText(group))
        let marked = ConversationID.user(
            ExactText(view.marks.keys.sorted().randomElement(using: &random) ?? "somebody"))
        switch random.below(12) {
        case 0: return view.groups.count < 15 ? creation : .delete(reference)
        case 1: return .rename(reference, to: ExactText("named \(count)"))
        case 2 where random.chance() < 0.5: return .delete(reference)
        case 2, 3: return .add([once], to: reference)
        case 4:
            let name = random.chance() < 0.7 ? reference.name : ExactText("made \(count)")
            return view.groups.count < 15
                ? .ensure(name: name, [once]) : .add([once], to: reference)
        case 5: return .add([.user("shared"), once], to: reference)
        case 6, 7:
            guard let member = view.members.randomElement(using: &random) else {
                return .add([once], to: reference)
            }
            return .remove(
                [.user(ExactText(member.peer))],
                from: GroupReference(id: nil, name: ExactText(member.group)))
        case 8:
            let bit = StandardMark(bits: 1 << UInt64(random.below(64)))
            return .mark(
                marked, random.chance() < 0.7 ? MarkEdit(set: bit) : MarkEdit(clear: bit))
        default:
            let custom = random.chance() < 0.2 ? "" : "mark \(count)"
            return .mark(marked, MarkEdit(custom: ExactText(custom)))
        }
    }

    /// Whether a later edit of the same user may have made an addition needless.
    func mayHaveUndone(_ addition: EditOrder) -> Bool {
        let added = Set(addition.operation.conversations)
        return orders.values.contains { order in
            guard order.user == addition.user else { return false }
            return switch order.operation {
            case .delete: true
            case .remove(let ids, _): !added.isDisjoint(with: ids)
            case .create, .ensure, .rename, .add, .mark: false
            }
        }
    }

    /// Takes an edit back, or has rejected ones tried again.
    func meddle() {
        guard open(), let store else { return }
        let name = plan.userName(1 + random.below(plan.users))
        var selection = EditSelection(
            user: UserID(checkedBytes: name.utf8), states: [.queued, .rejected])
        do {
            let done: [EditID]
            let now = clock.wallTime()
            switch random.below(3) {
            case 0:
                selection.queuedBefore = now + .milliseconds(-500)
                done = try store.cancelEdits(selection, at: now)
                record(.cancel(selection, now))
            case 1:
                done = try store.retryEdits(selection, force: false, at: now)
                record(.retry(selection, force: false, now))
            default:
                // Forced over whatever the phones have: the witness must not wonder.
                selection.reason = random.chance() < 0.5 ? .groupMissing : .gaveUp
                done = try store.retryEdits(selection, force: true, at: now)
                record(.retry(selection, force: true, now))
            }
            guard !done.isEmpty else { return }
            meddled.insert(name)
            diary.count("edits meddled with", done.count)
            diary.line("\(clock.now().nanoseconds) meddled \(name) \(done)")
        } catch {
            // It may have been done all the same.
            meddled.insert(name)
            diary.count("commands that met the disk")
        }
    }

    // MARK: Requests and decisions

    /// Asks for some users, or for all.
    @discardableResult
    func ask(_ kind: ResyncRequest.Kind, users: [UserNumber]?) -> Bool {
        guard open(), let store else { return false }
        do {
            let request = try store.ask(kind, users: users, at: clock.wallTime())
            requests.append(request)
            record(.ask(kind, users, clock.wallTime()))
            diary.line(
                "\(clock.now().nanoseconds) request \(request) \(kind) \(String(describing: users))"
            )
            diary.count("requests")
            return true
        } catch {
            diary.count("commands that met the disk")
            return false
        }
    }

    func askAtRandom() {
        let some = (1...max(1, random.below(4))).map { _ in
            UserNumber(1 + random.below(plan.users))
        }
        let isAsked = ask(
            random.chance() < 0.3 ? .compare : .resync,
            users: random.chance() < 0.3 ? nil : Set(some).sorted())
        if isAsked, random.chance() < 0.1, let request = requests.last {
            try? store?.withdraw(request)
            diary.line("\(clock.now().nanoseconds) request \(request) withdrawn")
        }
    }

    /// Lets held deletions through, or keeps them.
    func decide(_ decision: HeldDecision) {
        guard open(), let store else { return }
        let users = try? store.decide(decision, users: nil, at: clock.wallTime())
        if users != nil { record(.decide(decision, clock.wallTime())) }
        diary.count("decisions", users?.count ?? 0)
    }

    // MARK: Another program

    /// Any program may move the log into the database at any time.
    func checkpoint() {
        guard open() else { return }
        let mode = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"][random.below(4)]
        diary.line("\(clock.now().nanoseconds) checkpoint \(mode)")
        try? shell?.writeWithoutTransaction {
            try $0.execute(sql: "PRAGMA wal_checkpoint(\(mode))")
        }
    }

    /// Takes the write lock, as an import does; false when somebody else has it.
    func lock() -> Bool {
        guard open(), let shell else { return false }
        do {
            try shell.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
            diary.count("locks")
            return true
        } catch {
            return false
        }
    }

    func unlock() {
        try? shell?.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
    }
}
