import ChatEmulator
import ChatModel
import Foundation
import MirrorStore
import Simulation
import SyncRules
import TestSupport

// The built programs over a bad network, with busy phones and edits, and one trouble after the
// other; then quiet, and everything is compared with what is true.

/// One emulator, one database, and what happens to them.
final class Scene {
    private let size: Size
    private let seed: UInt64
    private let findings: Findings
    private let cloud: RestartableCloud
    private let disk: SmallDisk
    private let calendar: Calendar
    private let keeper: Keeper
    private var orders: Orders
    private var random: SplitMix
    /// After a restart of the cloud nobody knows what the users should have.
    private var isCloudTheSame = true

    struct Size {
        let users: Int
        /// The phones of the first so many are busy; what the others end with is known to the letter.
        let busy: Int
        let editsARound: Int
        /// How long the phones are busy.
        let phoneSeconds: Int
    }

    private static let app: Int64 = 1_400_000_000

    private var emulator: EmulatorProcess { cloud.emulator }
    private var database: String { emulator.directory.file("mirror.db") }

    init(_ size: Size, seed: UInt64, _ findings: Findings) throws {
        self.size = size
        self.seed = seed
        self.findings = findings
        cloud = try RestartableCloud(
            size.busy == 0
                ? []
                : ["--churn", "10", "--churn-users", "\(size.busy)"]
                    + ["--churn-seconds", "\(size.phoneSeconds)"],
            users: size.users)
        let directory = cloud.emulator.directory
        disk = try SmallDisk(directory)
        calendar = try Calendar(in: directory)
        // The record of changes is replayed in the end, whatever the calendar was meanwhile.
        try cloud.emulator.configure(
            "database: mirror.db", "database: mirror.db\n  history: forever")
        try cloud.emulator.configure("limits: {calls_per_second: 1000}")
        let first = try cloud.emulator.groupmirror("resync", "--all")
        guard first.status == 0 else { throw NeverHappened(what: "a first pull: \(first.stderr)") }
        orders = try Orders(cloud.emulator.get("export"), quietAbove: size.busy, seed: seed)
        random = SplitMix(seed: seed)
        keeper = try Keeper(cloud.emulator, calendar, findings)
        try cloud.spoil()
    }

    /// Lives through the troubles, and through what follows.
    func play(_ deck: [Trouble]) throws {
        for (round, trouble) in deck.enumerated() {
            findings.now = "scene \(seed), round \(round), \(trouble)"
            try keeper.keepAlive()
            queueEdits(size.editsARound)
            try suffer(trouble)
            findings.count("rounds")
        }
        findings.now = "scene \(seed), quiet"
        try becomeQuiet()
        try compare()
        keeper.stop()
    }

    // MARK: Trouble

    private func suffer(_ trouble: Trouble) throws {
        switch trouble {
        case .kill: try kill()
        case .killResyncBesideTheDaemon: try killResync()
        case .killResyncAlone:
            keeper.stop()
            try killResync()
            try keeper.start()
        case .freeze:
            keeper.freezeBeyondTheWatchdog()
            keeper.killForSilence()
            try keeper.start()
        case .suspend:
            keeper.freezeBeyondTheWatchdog()
            try keeper.thaw()
        case .fullDisk: try fillDisk()
        case .lock(let seconds): try lock(seconds)
        case .moveCalendar: try moveCalendar()
        case .secondDaemon: try startSecond()
        case .stop:
            keeper.stop()
            try keeper.start()
        case .reload: try reload()
        case .silentCloud: cloud.freeze(seconds: random.below(12))
        case .restartCloud:
            isCloudTheSame = false
            try cloud.restart(after: Double(random.below(2000)) / 1000)
            findings.count("restarts of the cloud")
        }
    }

    private func pause(upTo seconds: Double) {
        usleep(UInt32(random.chance() * seconds * 1_000_000))
    }

    private func kill() throws {
        pause(upTo: 1)
        keeper.kill()
        try keeper.start()
        guard random.chance() < 0.3 else { return }
        // While it starts.
        pause(upTo: 0.15)
        keeper.kill()
        try keeper.start()
    }

    private func killResync() throws {
        let resync = try emulator.start("resync", "--all")
        pause(upTo: 1)
        resync.signal(SIGKILL)
        switch resync.wait() {
        case RunningProgram.killed: findings.count("kills of resync")
        // It was done before: some users may have failed, some edits wait, the cloud be silent.
        case 0, 3, 4, 69: findings.count("resyncs that were done before their kill")
        case let status:
            findings.problem("resync ended with \(status)\n\(resync.stderr.suffix(2000))")
        }
    }

    private func fillDisk() throws {
        keeper.mayFailOnStorage = true
        defer { keeper.mayFailOnStorage = false }
        if random.chance() < 0.8 {
            // A log that has grown is written over, and needs no room until it is full; an empty one
            // needs it for every commit. Backup scripts empty it.
            _ = try RunningProgram.run(
                "sqlite3", "-cmd", ".timeout 5000", database, "PRAGMA wal_checkpoint(TRUNCATE)")
        }
        let word = "event=store_failed"
        var before = keeper.daemon.stderr.count(of: word)
        try disk.fill()
        defer { disk.makeRoom() }
        queueEdits(5)
        pause(upTo: 3)
        if random.chance() < 0.3 {
            keeper.kill()
            try keeper.start()
            before = 0
            pause(upTo: 2)
        }
        findings.count("full disks")
        if keeper.daemon.stderr.count(of: word) > before {
            findings.count("full disks that a daemon met")
            try expectTheFailureInHealth()
        }
        disk.makeRoom()
        try keeper.keepAlive()
    }

    /// A daemon that cannot write must not look well, though nothing can be written into the database.
    private func expectTheFailureInHealth() throws {
        let (recovered, end) = ("event=store_recovered", Date(timeIntervalSinceNow: 15))
        let before = keeper.daemon.stderr.count(of: recovered)
        while Date() < end {
            let health = try emulator.groupmirror("health")
            if health.status == 2, health.stdout.contains("cannot be written") {
                return findings.count("full disks that health told")
            }
            // It may have found room, or be gone.
            guard keeper.daemon.isRunning, keeper.daemon.stderr.count(of: recovered) == before
            else { return }
            usleep(200_000)
        }
        findings.problem("the disk was full, and health did not tell it within 15 s")
    }

    /// Who only reads is not in the way of a writer: `status` ends while the lock is held, however long
    /// it takes beside other work.
    private func lock(_ seconds: Int) throws {
        let statusHasEnded = emulator.directory.file("status has ended")
        defer { unlink(statusHasEnded) }
        let holder = try RunningProgram(command: [
            "sqlite3", "-cmd", ".timeout 20000", database, "BEGIN EXCLUSIVE",
            ".shell echo held; sleep \(seconds); "
                + "until [ -e '\(statusHasEnded)' ]; do sleep 0.1; done",
            "ROLLBACK",
        ])
        try holder.wait(for: "the lock") { holder.stdout.contains("held") }
        let status = try emulator.groupmirror("status")
        // Some users may have failed, some edits wait for an operator, the daemon for the lock.
        if ![0, 3, 4, 74].contains(status.status) {
            findings.problem("status beside a lock ends with \(status.status): \(status.stderr)")
        }
        guard FileManager.default.createFile(atPath: statusHasEnded, contents: nil) else {
            throw NeverHappened(what: "a file at \(statusHasEnded)")
        }
        holder.wait()
        findings.count(seconds < 60 ? "short locks" : "locks of a minute")
    }

    private func moveCalendar() throws {
        let hours = [-9000, -26, -1, 0, 1, 26, 9000].randomElement(using: &random) ?? 1
        try calendar.set(ahead: Int64(hours) * 3600)
        findings.count("moved calendars")
        pause(upTo: 2)
        guard hours <= -24 else { return }
        // So far behind, every signature has expired, and a daemon that is refused has no work.
        try calendar.set(ahead: 0)
        try reload()
    }

    private func startSecond() throws {
        let second = try emulator.groupmirror("run")
        findings.count("second daemons")
        if second.status != 75 {
            findings.problem("a second daemon ends with \(second.status): \(second.stderr)")
        }
    }

    private func reload() throws {
        let word = "event=configuration_reloaded"
        let before = keeper.daemon.stderr.count(of: word)
        keeper.daemon.signal(SIGHUP)
        try keeper.wait("the reload") { keeper.daemon.stderr.count(of: word) > before }
        findings.count("reloads")
    }

    /// Queues edits as a script would that goes on when one is refused; a full disk refuses all.
    private func queueEdits(_ count: Int) {
        let batch = (0..<count).map { _ in orders.next(of: size.users) }
        let now = WallTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
        do {
            // Kept open it would keep the index of the log, which a killed daemon's successor must
            // make again.
            let store = try SQLiteMirror(path: database, sdkAppID: Scene.app)
            defer { try? store.close() }
            let accepted = try store.queue(at: now) { queue in
                try batch.map { order in
                    do {
                        return try queue.add(order).isNew
                    } catch is EditFault {
                        return false
                    }
                }
            }
            for (order, isAccepted) in zip(batch, accepted) where isAccepted { orders.apply(order) }
        } catch {
            findings.count("batches of edits that met the disk")
        }
    }

    // MARK: Quiet

    private func becomeQuiet() throws {
        try calendar.set(ahead: 0)
        cloud.thaw()
        try emulator.post("faults", "[]")
        try keeper.keepAlive()
        let reader = try MirrorReader(path: database, sdkAppID: Scene.app)
        try keeper.wait("an empty outbox", seconds: 900) {
            try reader.outboxTotals().open == reader.outboxTotals().waiting
        }
        try keeper.wait("the phones to fall silent", seconds: 900) {
            let before = try emulator.get("export")
            usleep(1_500_000)
            return try emulator.get("export") == before
        }
    }

    // MARK: The truth

    private func compare() throws {
        let resync = try emulator.groupmirror("resync", "--all")
        if resync.status != 0 && resync.status != 4 {
            findings.problem("resync ends with \(resync.status): \(resync.stderr)")
        }
        if try !emulator.isEqual() { findings.problem("mirror and cloud differ") }
        try compareEdits()
        let diary = WorldDiary()
        let witness = try MirrorWitness(path: database, diary)
        try witness.checkChanges()
        for problem in diary.problems { findings.problem(problem) }
        let integrity = try RunningProgram.run("sqlite3", database, "PRAGMA integrity_check")
        if integrity.stdout != "ok\n" { findings.problem(integrity.stdout) }
        print("    \(orders.accepted) edits, \(diary.counts["changes replayed"] ?? 0) changes")
    }

    /// Nothing is open but what waits behind a rejected edit, and only busy phones give reasons to
    /// reject one; quiet users have what their edits make, each addition made once.
    private func compareEdits() throws {
        let reader = try MirrorReader(path: database, sdkAppID: Scene.app)
        var known = 0
        try reader.edits(EditSelection(states: EditState.allCases)) { _ in known += 1 }
        if known < orders.accepted {
            findings.problem("of \(orders.accepted) accepted edits the mirror knows \(known)")
        }
        // A scene in which little happened proves nothing.
        if orders.accepted * 10 <= orders.ordered * 8 {
            findings.problem("of \(orders.ordered) edits only \(orders.accepted) were accepted")
        }
        guard isCloudTheSame else { return }
        try reader.edits(EditSelection(states: [.queued, .sending, .rejected, .cancelled])) { row in
            let isOfThePhones =
                row.blockedBy != nil || row.reason == "conflict" || row.reason == "group_missing"
            if Orders.number(row.user) > size.busy || !isOfThePhones {
                findings.problem("an edit that should be done: \(row)")
            }
        }
        let differences = orders.differences(from: try emulator.get("export"))
        for difference in differences.prefix(3) { findings.problem(difference) }
        let entered = try Orders.entries(
            inJournal: emulator.get("journal"), quietAbove: size.busy)
        if entered.count * 20 <= orders.accepted {
            findings.problem("the journal tells of only \(entered.count) additions")
        }
        for (who, times) in entered where times > 1 {
            findings.problem("\(who) entered its group \(times) times")
        }
    }
}

extension String {
    fileprivate func count(of word: String) -> Int { ranges(of: word).count }
}
