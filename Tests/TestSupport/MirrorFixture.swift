import ChatAPI
import ChatEmulator
import ChatModel
import EventLog
import MirrorStore
import SyncEngine
import SyncRules

/// A whole mirror in one process: the engine on a real database, against the emulator's core, on a
/// clock that nobody waits for.
package final class MirrorFixture: Sendable {
    package let directory: TemporaryDirectory
    package let clock: TestClock
    package let cloud: EmulatedCloud
    package let recorder = LogRecorder()
    package let store: SQLiteMirror
    package let reader: MirrorReader
    package let app: Int64 = 1_400_000_000

    package init(
        _ options: EmulatorOptions = .small, faults: [Fault] = [], clock: TestClock = TestClock()
    ) throws {
        directory = try TemporaryDirectory()
        self.clock = clock
        cloud = EmulatedCloud(options, faults: faults, time: clock)
        store = try SQLiteMirror(
            path: directory.file("mirror.db"), sdkAppID: app, access: .onCallersThread)
        reader = try MirrorReader(path: directory.file("mirror.db"), sdkAppID: app)
    }

    /// The database as another process has it open: a command of an operator's.
    package func asAnotherProcess() throws -> SQLiteMirror {
        try SQLiteMirror(path: directory.file("mirror.db"), sdkAppID: app)
    }

    /// What the mirror holds of every listed user.
    package var mirror: [UserID: Snapshot] {
        get throws {
            var mirror: [UserID: Snapshot] = [:]
            try reader.export { mirror[$0.user] = $0.snapshot }
            return mirror
        }
    }

    package static func settings() -> MirrorEngine.Settings {
        MirrorEngine.Settings(
            maxStaleness: .seconds(4 * 3600), passesAtOnce: 20, listingCap: 0,
            guardLimits: .init(share: 0.05, atLeast: 20, window: .seconds(600)),
            version: "test", pid: 1)
    }

    /// An engine over `users` (all that the emulator has, when nil), as after a start.
    package func engine(
        users: [String]? = nil, key: String = EmulatorOptions().key,
        settings: MirrorEngine.Settings = MirrorFixture.settings(),
        store other: (any MirrorStore)? = nil
    ) throws -> MirrorEngine {
        let names = users ?? cloud.with { Array(CloudCore.userNames($0.options.users)) }
        try store.setListingCap(settings.listingCap)
        var book = try KnownUsers(reading: store)
        _ = try book.relist(in: store, at: clock.wallTime()) { each in
            for name in names { each(Array(name.utf8)[...]) }
        }
        let log = recorder.log(clock)
        let gate = CallGate(
            limit: 200, margin: .measured, inFlight: 50, time: clock, log: log)
        let counters = CallCounters()
        return MirrorEngine(
            parts: MirrorEngine.Parts(
                cloud: try client(key, gate, counters, log), gate: gate, counters: counters,
                store: other ?? store,
                time: clock, log: log, chance: { 0.5 }),
            settings: settings, book: book)
    }

    private func client(_ key: String, _ gate: CallGate, _ counters: CallCounters, _ log: Log)
        throws -> ChatCloud
    {
        let signer = Signer(
            sdkAppID: app, admin: "administrator", key: try SecretKey(contents: key), time: clock,
            log: log)
        return ChatCloud(
            through: cloud, signer: signer, gate: gate, counters: counters, time: clock, log: log,
            random: { 1 })
    }

    /// Gives `users` to a running engine as its list, as a reload does; what reading it came to.
    @discardableResult
    package func reload(_ engine: MirrorEngine, users: [String]) async throws
        -> KnownUsers.ListCounts
    {
        var book = try KnownUsers(reading: store)
        let counts = try book.relist(in: store, at: clock.wallTime()) { each in
            for name in users { each(Array(name.utf8)[...]) }
        }
        await engine.reload(
            book, maxStaleness: .seconds(60), guardLimits: MirrorFixture.settings().guardLimits,
            pushPolicy: PushPolicy(), history: nil)
        return counts
    }

    /// Makes the mirror one of a version that kept no evidence of how often users change.
    package func forgetEvidence() throws {
        let result = try RunningProgram.run(
            "sqlite3", directory.file("mirror.db"),
            "UPDATE pull SET changes = NULL, watched = NULL, calls = NULL; DELETE FROM recent_pull;"
        )
        precondition(result.status == 0, result.stderr)
    }

    /// A write that somebody else makes, past the mirror.
    package func pushByHand(_ action: PushCall.Action, user: String) async throws {
        let log = LogRecorder().log(clock)
        let gate = CallGate(limit: 200, margin: .none, inFlight: 1, time: clock, log: log)
        let client = try client(EmulatorOptions().key, gate, CallCounters(), log)
        let user = try UserID(user)
        _ = try await clock.run {
            try await client.push(PushCall(action: action, edits: [], wanted: [:]), of: user)
        }
    }

    /// Serves one request for everybody and ends, as `resync --all` does without a daemon.
    @discardableResult
    package func resync(
        _ kind: ResyncRequest.Kind = .resync, users: [String]? = nil,
        settings: MirrorEngine.Settings = MirrorFixture.settings()
    ) async throws -> (end: MirrorEngine.End, progress: RequestProgress?) {
        let request = try store.ask(kind, users: nil, at: clock.wallTime())
        var settings = settings
        settings.mode = .request(request)
        let end = await run(try engine(users: users, settings: settings))
        return (end, try store.progress(of: request))
    }

    /// Runs an engine to its end.
    package func run(_ engine: MirrorEngine) async -> MirrorEngine.End {
        await clock.run { await engine.run() }
    }

    /// Runs `body` beside an engine that runs until `body` is done.
    package func running(_ engine: MirrorEngine, _ body: @Sendable () async throws -> Void)
        async throws -> MirrorEngine.End
    {
        try await clock.run {
            async let end = engine.run()
            do {
                try await body()
            } catch {
                await engine.drain()
                _ = await end
                throw error
            }
            await engine.drain()
            return await end
        }
    }

    /// Lets the test's clock run, beside an engine, until `condition` holds: within an hour of that
    /// clock.
    package func wait(
        for what: String, every pause: Duration = .milliseconds(100),
        _ condition: () async throws -> Bool
    ) async throws {
        let bound = clock.now() + .seconds(3600)
        while try await !condition() {
            guard clock.now() < bound else {
                let log = recorder.lines.suffix(30).joined(separator: "")
                throw NeverHappened(what: "\(what)\n\(log)")
            }
            try await clock.sleep(for: pause)
        }
    }

    /// Lets the test's clock run, beside an engine, until every user has been pulled once.
    package func waitForTheFirstRound() async throws {
        try await wait(for: "the first round") { try reader.states()["new"] == nil }
    }

    /// Lets the test's clock run, beside an engine, until the mirror is what the cloud has.
    package func waitUntilEqual() async throws {
        try await wait(for: "the mirror to be equal", every: .seconds(1)) {
            try mirror == cloud.truth
        }
    }
}

/// What a test waited for did not come.
package struct NeverHappened: Error, CustomStringConvertible {
    let what: String

    package init(what: String) { self.what = what }

    package var description: String { "this never happened: \(what)" }
}
