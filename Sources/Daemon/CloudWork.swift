import ChatAPI
import ChatModel
import EventLog
import MirrorConfiguration
import LoopThread
import MirrorStore
import SyncEngine
import SyncRules
import UnixSignals
import HostSystem

// What `resync` and `verify` have in common: work that needs the cloud. A running daemon is asked
// to do it; without one this process takes the lock and serves the request itself, with the same
// engine.

/// One request, from asking to its end.
package struct CloudWork: Sendable {
    package let settings: MirrorSettings
    package let log: Log
    let time = SystemTimekeeper()

    /// The key, or why it cannot be read: beside a daemon none is needed.
    private let key: Result<SecretKey, any Error>

    /// Root becomes the owner of the mirror here: nothing of the mirror may be touched before.
    package init(settings: MirrorSettings, log: Log) throws {
        self.settings = settings
        self.log = log
        try OpenFiles.reserve(for: settings)
        // The file may be root's alone.
        key = Result { try KeyFile.read(settings) }
        try ServiceUser.become(ownerOf: settings.database)
    }

    /// How a request ended.
    package struct Report: Sendable {
        package let progress: RequestProgress
        package let results: [(user: UserID, result: RequestResult)]
        /// Deletions that wait for an operator, in the whole mirror.
        package let undecided: Int
        /// Edits that wait for an operator, in the whole mirror.
        package let rejected: Int
        /// Edits of the users that this process could not send, and that no daemon sends now.
        package let unsent: Int
        /// The first of them.
        package let firstUnsent: [UnsentEdit]
        /// False when it was interrupted at the terminal.
        package let isComplete: Bool
        /// Nothing the cloud said could be read, not once.
        package let isWithoutAnswer: Bool
        /// The mirror was made by this command: there was none before.
        package let isNew: Bool
        /// Every user of the list was asked for.
        package let isOfEverybody: Bool
        /// A daemon did the work, and goes on with its own.
        package let isByDaemon: Bool
    }

    /// An edit that is left, and why.
    package struct UnsentEdit: Sendable {
        package let edit: MirrorReader.EditRow
        package let reason: String

        init(_ edit: MirrorReader.EditRow, _ reader: MirrorReader) throws {
            self.edit = edit
            let item = try reader.items(of: edit.id).first { $0.code == nil && $0.problem != nil }
            let call = try reader.calls(of: edit.id).last
            let code = call?.code.map { " (code \($0))" } ?? ""
            reason =
                item.map { "\($0.conversation): \($0.problem ?? "")" }
                ?? call?.problem.map { $0 + code }
                ?? (edit.attempts == 0 ? "it was not sent yet" : "its outcome is not known yet")
        }
    }

    /// Does the work.
    /// - Parameters:
    ///   - users: nil for the whole list.
    ///   - end: without a daemon, when to stop although it is not done.
    ///   - show: called now and then with how far it is.
    ///   - note: called with what a daemon that does not go on is waiting for.
    package func perform(
        _ kind: ResyncRequest.Kind, users: [UserID]?, until end: MonotonicTime? = nil,
        show: @escaping @Sendable (RequestProgress) -> Void,
        note: @escaping @Sendable (String) -> Void
    ) async throws -> Report {
        if let lock = try LockFile(database: settings.database, for: .command) {
            let (report, end) = try await performHere(
                kind, users: users, until: end, key: try key.get(), after: lock.predecessor,
                show: show)
            lock.note(end)
            _ = consume lock
            return report
        }
        guard LockFile.holder(database: settings.database)?.isDaemon == true else {
            throw ProgramFailure.locked(settings)
        }
        return try await askDaemon(kind, users: users, show: show, note: note)
    }

    static let pollInterval = Duration.milliseconds(200)

    // MARK: Without a daemon

    private func performHere(
        _ kind: ResyncRequest.Kind, users: [UserID]?, until limit: MonotonicTime?, key: SecretKey,
        after predecessor: Predecessor,
        show: @escaping @Sendable (RequestProgress) -> Void
    ) async throws -> (report: Report, end: Predecessor) {
        let store = try SQLiteMirror(path: settings.database, sdkAppID: settings.sdkAppID)
        let instance = try Instance(
            settings, .request(kind, users: users), key: key, store: store,
            predecessor: predecessor, log: log, time: time)
        defer { instance.close() }
        guard let request = instance.request else { preconditionFailure("nothing was asked") }
        let end = await instance.engine.run(
            on: instance.loop, beside: { await showUntilCancelled(store, request, show) },
            {
                guard let limit, (try? await time.sleep(until: limit)) != nil else { return }
                await instance.engine.drain()
            },
            {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                    await instance.engine.drain()
                }
            })
        var isDone = false
        switch end {
        case .requestDone: isDone = true
        case .drained: try store.withdraw(request)
        case .refused(let failure), .unreachable(let failure):
            try store.withdraw(request)
            throw ProgramFailure(failure)
        case .storeUnusable(let failure): throw ProgramFailure(failure)
        }
        let isWithoutAnswer = await instance.engine.readiness == "not answering"
        let reader = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
        let unsent = kind == .resync ? try CloudWork.unsent(users, reader) : (0, [])
        let report = try report(
            store, reader, request, isDone: isDone, isWithoutAnswer: isWithoutAnswer,
            unsent: unsent, isNew: store.isNew, users: users, isByDaemon: false)
        return (report, await instance.cleanEnd)
    }

    /// How many edits are listed one by one.
    private static let mostListed = 20

    /// Open edits of the users, without those that wait behind a rejected one.
    private static func unsent(_ users: [UserID]?, _ reader: MirrorReader) throws -> (
        count: Int, first: [UnsentEdit]
    ) {
        var (count, first): (Int, [MirrorReader.EditRow]) = (0, [])
        for user in users.map({ Set($0).sorted() as [UserID?] }) ?? [nil] {
            try reader.edits(EditSelection(user: user, states: [.queued, .sending])) { edit in
                guard edit.blockedBy == nil else { return }
                if first.count < mostListed { first.append(edit) }
                if users != nil { count += 1 }
            }
        }
        // Those of users outside the list are no failure.
        if users == nil { count = try reader.unsentEdits() }
        return (
            count,
            count == 0 ? [] : try first.map { try UnsentEdit($0, reader) }
        )
    }

    private func showUntilCancelled(
        _ store: SQLiteMirror, _ request: Int64, _ show: @Sendable (RequestProgress) -> Void
    ) async {
        while !Task.isCancelled {
            let progress = try? await offLoop { try store.progress(of: request) }
            if let progress = progress ?? nil { show(progress) }
            try? await time.sleep(for: Self.pollInterval)
        }
    }

    // MARK: With a daemon

    private func askDaemon(
        _ kind: ResyncRequest.Kind, users: [UserID]?,
        show: @escaping @Sendable (RequestProgress) -> Void,
        note: @escaping @Sendable (String) -> Void
    ) async throws -> Report {
        let store = try SQLiteMirror(
            path: settings.database, sdkAppID: settings.sdkAppID,
            patience: SQLiteMirror.longPatience)
        defer { try? store.close() }
        let reader = try MirrorReader(path: settings.database, sdkAppID: settings.sdkAppID)
        let known = try reader.numbers(of: users ?? [], onlyListed: true)
        let numbers = try users?.map { user in
            guard let number = known[user] else { throw ProgramFailure.notListed(user) }
            return number
        }
        let before = try reader.daemon(of: LockFile.holder(database: settings.database))?.at
        let request = try store.ask(kind, users: numbers, at: time.wallTime())
        let isDone =
            try await untilInterrupted {
                try await follow(store, reader, request, saidBefore: before, show, note)
            } ?? false
        if !isDone { try store.withdraw(request) }
        return try report(
            store, reader, request, isDone: isDone, isWithoutAnswer: false, unsent: (0, []),
            isNew: false, users: users, isByDaemon: true)
    }

    /// Runs `body` until Ctrl-C or SIGTERM: then nil.
    func untilInterrupted<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { break }
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    /// Says what the process that calls the cloud is waiting for, when it does not go on.
    /// - Parameter done: how far it is with what is waited for.
    /// - Throws: when it has been silent for too long.
    func look(
        at holder: LockFile.Holder, done: Int, _ patience: inout DaemonPatience,
        _ note: @Sendable (String) -> Void
    ) throws(ProgramFailure) {
        let name =
            holder.isDaemon ? "the daemon (process \(holder.process))" : "process \(holder.process)"
        let heartbeat = Heartbeat(
            database: settings.database, of: holder.process, now: time.now())
        switch patience.look(heartbeat, done: done, now: time.now()) {
        case .wait: break
        case .say(let words): note("waiting for \(name): \(words)")
        case .giveUp(let words):
            throw ProgramFailure(
                .cloudUnavailable, "\(name) \(words)",
                advice: "look at its log and at 'systemctl status'; restart it")
        }
    }

    /// - Parameter saidBefore: when the daemon had spoken last before it was asked. What kept it from
    ///   calling the cloud then may have been fixed since, by a reload.
    private func follow(
        _ store: SQLiteMirror, _ reader: MirrorReader, _ request: Int64,
        saidBefore: WallTime?, _ show: @Sendable (RequestProgress) -> Void,
        _ note: @Sendable (String) -> Void
    ) async throws -> Bool {
        var patience = DaemonPatience(since: time.now())
        while true {
            try await time.sleep(for: Self.pollInterval)
            if let holder = LockFile.holder(database: settings.database) {
                let done = try store.progress(of: request)?.done ?? 0
                do {
                    try look(at: holder, done: done, &patience, note)
                } catch {
                    try? store.withdraw(request)
                    throw error
                }
            }
            guard let progress = try store.progress(of: request) else { return false }
            show(progress)
            if progress.isFinished { return true }
            guard let holder = LockFile.holder(database: settings.database) else {
                try store.withdraw(request)
                throw ProgramFailure(
                    .cloudUnavailable, "the daemon stopped before the request was done",
                    advice: "start it again, or repeat the command: without a daemon it works alone"
                )
            }
            if let state = try reader.daemon(of: holder), state.at != saidBefore,
                let failure = ProgramFailure(cloudOf: state)
            {
                try store.withdraw(request)
                throw failure
            }
        }
    }

    /// - Parameter isDone: whether its end was seen. One that was not begun yet has no users, all of
    ///   which are done.
    private func report(
        _ store: SQLiteMirror, _ reader: MirrorReader, _ request: Int64, isDone: Bool,
        isWithoutAnswer: Bool, unsent: (count: Int, first: [UnsentEdit]), isNew: Bool,
        users: [UserID]?, isByDaemon: Bool
    ) throws -> Report {
        let progress =
            try store.progress(of: request) ?? RequestProgress(request: request, total: 0)
        return Report(
            progress: progress, results: try store.results(of: request),
            undecided: try reader.held().count { $0.decision == nil },
            rejected: try reader.outboxTotals().rejected, unsent: unsent.count,
            firstUnsent: unsent.first,
            isComplete: isDone && progress.done == progress.total,
            isWithoutAnswer: isWithoutAnswer, isNew: isNew, isOfEverybody: users == nil,
            isByDaemon: isByDaemon)
    }
}

extension MirrorReader {
    /// What the daemon that holds the lock says of itself; nil as long as it has said nothing: what
    /// an earlier one said last is not true of it.
    package func daemon(of holder: LockFile.Holder?) throws(StoreFailure) -> DaemonState? {
        guard let holder, let state = try daemon(), state.pid == holder.process else { return nil }
        return state
    }

    /// The same, said from now on, when it knows what the cloud is to it; nil when it does not come to
    /// know that in time. It speaks every second.
    package func daemonThatKnowsTheCloud(
        _ holder: LockFile.Holder?, within patience: Duration
    ) async throws -> DaemonState? {
        let time = SystemTimekeeper()
        let last = try daemon(of: holder)?.at
        let end = time.now() + patience
        while time.now() < end {
            try await time.sleep(for: .milliseconds(100))
            if let state = try daemon(of: holder), state.at != last, state.cloud != "unknown" {
                return state
            }
        }
        return nil
    }
}

extension ProgramFailure {
    /// What keeps a daemon from calling the cloud; nil when nothing does.
    package init?(cloudOf daemon: DaemonState) {
        switch daemon.cloud {
        case "refused":
            self.init(
                .credentialsRefused, "the cloud refuses the app: \(daemon.cloudProblem)",
                advice:
                    "the daemon tries again every minute; 'groupmirror check' shows the settings")
        case "unreachable":
            self.init(
                .cloudUnavailable, "the cloud cannot be reached: \(daemon.cloudProblem)",
                advice: "the daemon goes on trying; repeat the command when it is back")
        case "clock_off":
            self.init(
                .cloudUnavailable, "the cloud cannot be used: \(daemon.cloudProblem)")
        default: return nil
        }
    }
}
