import ChatAPI
import ChatModel
import CurlTransport
import EventLog
import Foundation
import MirrorConfiguration
import LoopThread
import MirrorStore
import SyncEngine
import SyncRules
import HostSystem

// Everything of one mirror put together: what `run` keeps and what `resync` and `verify` use when
// no daemon runs.

/// The parts of one mirror, with the lock held.
package final class Instance: Sendable {
    package let settings: MirrorSettings
    package let log: Log
    package let time: any Timekeeper
    package let store: SQLiteMirror
    package let engine: MirrorEngine
    package let listed: KnownUsers.ListCounts
    let signer: Signer
    let gauges: ProcessGauges
    /// On which the engine runs, and libcurl.
    let loop: Loop
    private let gate: CallGate
    private let transport: CurlTransport

    /// Tasks that sleep are woken together, at multiples of this: waking a thread costs more than a call. It is the
    /// longest with which 98 % of the limit are used (Decisions/0015).
    private static let tick = Duration.milliseconds(5)

    /// The request that is served, when that is all that is to be done.
    package let request: Int64?

    /// What the engine is built for.
    package enum Purpose: Sendable {
        case daemon
        /// Serve one request and end. `users`: nil for the whole list.
        case request(ResyncRequest.Kind, users: [UserID]?)
    }

    /// Reads the list, opens the database and the door to the cloud; calls nothing yet.
    /// The caller holds the lock.
    /// - Parameters:
    ///   - predecessor: who held it before.
    ///   - logDropped: lines of the log that could not be written.
    package init(
        _ settings: MirrorSettings, _ purpose: Purpose, key: SecretKey, store: SQLiteMirror,
        predecessor: Predecessor, log: Log, time clocks: any Timekeeper,
        logDropped: @escaping @Sendable () -> Int = { 0 }
    ) throws {
        signal(SIGPIPE, SIG_IGN)
        self.settings = settings
        self.log = log
        self.store = store
        let loop = Loop(tick: Instance.tick)
        self.loop = loop
        let time = LoopTimekeeper(loop, clocks: clocks)
        self.time = time
        try store.setMaxStaleness(settings.maxStaleness)
        try store.setListingCap(settings.listingCap)
        var book = try KnownUsers(reading: store)
        listed = try Instance.relist(&book, settings, store, time)

        signer = Signer(
            sdkAppID: settings.sdkAppID, admin: settings.admin.string, key: key,
            lifetime: settings.usersigLifetime, time: time, log: log)
        transport = CurlTransport(Instance.curlSettings(settings), on: loop)
        // A lock file that is gone from beside a mirror says nothing.
        let isFirst = predecessor == .none && store.isNew
        gate = CallGate(
            limit: settings.callsPerSecond, margin: settings.margin, inFlight: settings.inFlight,
            predecessor: predecessor == .none && !isFirst ? .unknown : predecessor,
            tick: Instance.tick, time: time, log: log)
        gauges = ProcessGauges(
            database: settings.database, time: time, signer: signer, loop: loop,
            logDropped: logDropped)
        loop.whenBlocked { log(.loopBlocked(took: $0)) }
        let counters = CallCounters()
        let cloud = Instance.cloud(transport, signer, gate, counters, time, log)
        request = try Instance.ask(purpose, book, store, time)
        var engineSettings = MirrorEngine.Settings(
            maxStaleness: settings.maxStaleness, passesAtOnce: settings.inFlight,
            listingCap: settings.listingCap, guardLimits: settings.guardLimits,
            mode: request.map(RunMode.request) ?? .daemon,
            endsWhenRefused: try !store.wasEverAccepted(),
            version: Version.text, pid: getpid())
        engineSettings.pushPolicy = settings.pushPolicy
        engineSettings.history = settings.history
        engineSettings.minInterval = settings.minInterval
        engine = MirrorEngine(
            parts: MirrorEngine.Parts(
                cloud: cloud, gate: gate, counters: counters, store: store,
                time: time, log: log, chance: { Double.random(in: 0..<1) },
                process: { [gauges] in gauges.numbers() }),
            settings: engineSettings, book: book)
    }

    /// The door that the daemon and the commands share.
    static func cloud(
        _ transport: CurlTransport, _ signer: Signer, _ gate: CallGate, _ counters: CallCounters,
        _ time: any Timekeeper, _ log: Log
    ) -> ChatCloud {
        ChatCloud(
            through: transport, signer: signer, gate: gate, counters: counters, time: time,
            log: log, random: { UInt32.random(in: 0...UInt32.max) })
    }

    /// What the transport needs of the configuration.
    static func curlSettings(_ settings: MirrorSettings) -> CurlSettings {
        CurlSettings(
            endpoint: settings.endpoint, timeout: settings.timeout,
            connections: settings.inFlight + 10,
            trustedCertificates: ProcessInfo.processInfo.environment["SSL_CERT_FILE"])
    }

    static func relist(
        _ book: inout KnownUsers, _ settings: MirrorSettings, _ store: SQLiteMirror,
        _ time: any Timekeeper
    ) throws -> KnownUsers.ListCounts {
        let before = book.listedBefore
        return try book.relist(in: store, at: time.wallTime()) { each in
            var isEmpty = true
            try UserListReader(settings).read { id in
                isEmpty = false
                each(id)
            }
            // Nothing has been written yet.
            if isEmpty, before > 0 { throw ConfigurationFault.emptied(settings, users: before) }
        }
    }

    /// Puts the request where a daemon would find it, so that both are served in the same way.
    private static func ask(
        _ purpose: Purpose, _ book: KnownUsers, _ store: SQLiteMirror, _ time: any Timekeeper
    ) throws -> Int64? {
        guard case .request(let kind, let users) = purpose else { return nil }
        let numbers = try users?.map { user in
            guard let number = book.roster.number(of: Array(user.string.utf8)),
                book.listed.contains(number)
            else { throw ProgramFailure.notListed(user) }
            return number
        }
        return try store.ask(kind, users: numbers, at: time.wallTime())
    }

    /// What the next process has to know of our calls. To be asked when the engine has ended.
    package var cleanEnd: Predecessor {
        get async { .quiet(since: time.now(), lost: await gate.lostCalls) }
    }

    /// Closes connections and database, when the engine has ended.
    package func close() {
        transport.close()
        loop.end()
        try? store.close()
    }
}

extension ConfigurationFault {
    /// A script that made the list and failed leaves it empty: taken at its word, every user would be
    /// lost silently.
    package static func emptied(_ settings: MirrorSettings, users: Int) -> ConfigurationFault {
        ConfigurationFault(
            file: settings.usersFile ?? settings.file,
            problem: "the list of users is empty, and the mirror has \(users) in it",
            advice:
                "write the list again; to mirror no user any more, stop the service: "
                + "the mirror stays as it is")
    }
}

extension ProgramFailure {
    /// A command names a user who is not in the list.
    package static func notListed(_ user: UserID) -> ProgramFailure {
        ProgramFailure(
            .missing, "'\(user)' is not in the list of users",
            advice: "add it to users.file; a running daemon takes the list over on reload",
            word: "user_missing")
    }
}
