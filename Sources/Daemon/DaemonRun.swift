import CLinux
import ChatAPI
import ChatModel
import EventLog
import Foundation
import LoopThread
import MirrorConfiguration
import MirrorStore
import SyncEngine
import UnixSignals
import HostSystem

// `groupmirror run`: start, serve, reload on SIGHUP, drain on SIGTERM and SIGINT.

/// The life of the daemon.
package struct DaemonRun: Sendable {
    private let instance: Instance
    private let manager: ServiceManager
    private let startedAt: MonotonicTime

    /// Runs until a signal or until nothing more can be done; throws what ends the program with
    /// another code than 0.
    /// - Parameter logDropped: lines of the log that could not be written.
    package static func run(
        _ settings: MirrorSettings, log: Log, logDropped: @escaping @Sendable () -> Int
    ) async throws {
        let time = SystemTimekeeper()
        let startedAt = time.now()
        try OpenFiles.reserve(for: settings)
        // The file may be root's alone.
        let key = Result { try KeyFile.read(settings) }
        try ServiceUser.become(ownerOf: settings.database)
        guard let lock = try LockFile(database: settings.database, for: .run) else {
            throw ProgramFailure.locked(settings)
        }
        let pulseFile = try PulseFile(database: settings.database)
        pulseFile.write(.starting, time: time)
        let store = try SQLiteMirror(path: settings.database, sdkAppID: settings.sdkAppID)
        let instance = try Instance(
            settings, .daemon, key: try key.get(), store: store, predecessor: lock.predecessor,
            log: log, time: time,
            logDropped: logDropped)
        defer { instance.close() }
        // What reading a long list has left goes back to the system.
        gm_give_memory_back()
        let daemon = DaemonRun(
            instance: instance, manager: ServiceManager(), startedAt: startedAt)
        let end = await daemon.serve(pulseFile)
        lock.note(await instance.cleanEnd)
        _ = consume lock
        switch end {
        case .drained, .requestDone: return
        case .refused(let failure), .unreachable(let failure): throw ProgramFailure(failure)
        case .storeUnusable(let failure): throw ProgramFailure(failure)
        }
    }

    private func serve(_ pulseFile: PulseFile) async -> MirrorEngine.End {
        // Before the daemon is announced: a signal that comes early counts too.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        logStart()
        let hints = takeHints()
        defer { hints?.close() }
        let end = await instance.engine.run(
            on: instance.loop, beside: { await obey(signals) }, { await reportReadiness() },
            { await feedWatchdog() },
            { await keepPulse(in: pulseFile) })
        pulseFile.remove()
        instance.log(.daemonStopped(after: instance.time.now() - startedAt))
        return end
    }

    /// Hints are a help: without them the daemon works as well as it can.
    private func takeHints() -> HintSocket? {
        let path = instance.settings.hintsSocket
        do throws(StoreFailure) {
            return try HintSocket(path, time: instance.time) {
                [engine = instance.engine, loop = instance.loop] lines, dropped, faulty in
                Task(executorPreference: loop) {
                    await engine.take(lines, dropped: dropped, faulty: faulty)
                }
            }
        } catch {
            instance.log(.hintsUnavailable(socket: path, problem: error.problem))
            return nil
        }
    }

    private func logStart() {
        let counts = instance.listed
        instance.log(
            .daemonStarted(
                version: Version.text, database: instance.settings.database,
                new: instance.store.isNew, users: counts.users, pid: getpid()))
        logList(counts)
    }

    /// What reading the list of users came to, and what looks wrong about it.
    private func logList(_ counts: KnownUsers.ListCounts) {
        instance.log(.listed(counts))
        for doubt in counts.doubts {
            instance.log(.listDoubtful(problem: doubt.problem, advice: doubt.advice))
        }
    }

    // MARK: Signals

    private func obey(_ signals: UnixSignalsSequence) async {
        var settings = instance.settings
        // By what the configuration was read is not known: reading it again is right in any case.
        if EarlySignals.hasHangup { settings = await reload(from: settings) }
        for await signal in signals {
            switch signal {
            case .sighup: settings = await reload(from: settings)
            default: await drain(signal == .sigint ? "SIGINT" : "SIGTERM")
            }
        }
    }

    private func drain(_ signal: String) async {
        manager.stopping()
        let passes = await instance.engine.running
        instance.log(.daemonStopping(signal: signal, inFlight: passes))
        await instance.engine.drain()
    }

    /// Takes over what can be taken over; the settings that hold from now on.
    private func reload(from old: MirrorSettings) async -> MirrorSettings {
        manager.reloading()
        do {
            // A list of a million users takes seconds.
            let read = try await offLoop { [instance] in try Reload(old.file, instance) }
            let new = read.settings
            // Before the engine asks the cloud again.
            let isNewKey = instance.signer.replace(key: read.key)
            await instance.engine.reload(
                read.book, maxStaleness: new.maxStaleness, minInterval: new.minInterval,
                guardLimits: new.guardLimits,
                pushPolicy: new.pushPolicy, history: new.history)
            // The result of the reload is logged also when the new level leaves such lines out.
            instance.log.set(level: min(old.logLevel, new.logLevel), format: new.logFormat)
            logReload(old, new, read.counts, isNewKey: isNewKey)
            instance.log.set(level: new.logLevel, format: new.logFormat)
            await reloaded(isGood: true)
            return new
        } catch {
            var failure = ProgramFailure(error)
            if error is StoreFailure {
                // The list is written in parts.
                failure = ProgramFailure(
                    failure.status, failure.problem,
                    advice: "part of the new list may be in the database: "
                        + "reload again when it is well")
            }
            instance.log(
                .configurationRejected(
                    problem: [failure.problem, failure.advice].filter { !$0.isEmpty }
                        .joined(separator: "; ")))
            await reloaded(isGood: false)
            return old
        }
    }

    private func reloaded(isGood: Bool) async {
        instance.gauges.noteReload(isGood: isGood)
        manager.ready(await pulse().sentence)
    }

    private func logReload(
        _ old: MirrorSettings, _ new: MirrorSettings, _ counts: KnownUsers.ListCounts,
        isNewKey: Bool
    ) {
        let changes = zip(old.entries, new.entries).filter { $0.value != $1.value }
        for (before, after) in changes {
            instance.log(
                .configurationChanged(
                    key: after.key, from: before.value, to: after.value,
                    restart: !after.isReloadable))
        }
        if isNewKey {
            instance.log(
                .configurationChanged(
                    key: "secret_key", from: "another", to: "a new one", restart: false))
        }
        logList(counts)
        instance.log(.configurationReloaded(changes: changes.count + (isNewKey ? 1 : 0)))
    }

    // MARK: systemd

    /// READY once the first call has an outcome, good or bad, or none is to be made. A start that the
    /// cloud refuses ends without it.
    private func reportReadiness() async {
        let latest = startedAt + .seconds(30)
        while !Task.isCancelled {
            let state = await instance.engine.readiness
            if state != nil || instance.time.now() > latest {
                manager.ready(await pulse().sentence)
                instance.log(
                    .daemonReady(
                        cloud: state ?? "unknown", after: instance.time.now() - startedAt))
                return
            }
            try? await instance.time.sleep(for: .milliseconds(50))
        }
    }

    /// How the daemon is, with what only the process knows.
    private func pulse() async -> Pulse {
        var pulse = await instance.engine.pulse()
        pulse.isReloadRejected = !instance.gauges.isReloadGood
        return pulse
    }

    /// Once a second: the heartbeat, the status of the service, and whether the database is still the
    /// one at its path. An engine that stands still has no heartbeat; one that waits for its disk has.
    private func keepPulse(in file: PulseFile) async {
        var reported: String?
        var seen: UInt64?
        var movedAt = instance.time.now()
        while !Task.isCancelled {
            let pulse = await pulse()
            let (beats, now) = (await instance.engine.beats, instance.time.now())
            if beats != seen || pulse.storeProblem != nil { movedAt = now }
            seen = beats
            if now - movedAt < Self.standstill { file.write(pulse, time: instance.time) }
            let text = pulse.sentence
            if let reported, reported != text { manager.status(text) }
            reported = text
            do {
                try instance.store.checkPlace()
            } catch {
                await instance.engine.abandon(error)
            }
            try? await instance.time.sleep(for: .seconds(1))
        }
    }

    /// An engine that has done nothing for so long stands still: it writes once a second.
    private static let standstill = Duration.seconds(10)

    /// A sign of life as long as the engine turns and tries to write, if only of itself; none when it
    /// stands still, so that systemd restarts it.
    private func feedWatchdog() async {
        guard let limit = manager.watchdog else { return }
        var seen: UInt64?
        while !Task.isCancelled {
            let beats = await instance.engine.beats
            if beats != seen { manager.alive() }
            seen = beats
            try? await instance.time.sleep(for: min(.seconds(1), limit / 4))
        }
    }
}

/// What a reload reads, and what it writes of it before the engine takes it over.
private struct Reload: Sendable {
    let settings: MirrorSettings
    let key: SecretKey
    let book: KnownUsers
    let counts: KnownUsers.ListCounts

    init(_ file: String, _ instance: Instance) throws {
        settings = try MirrorSettings.read(file)
        key = try KeyFile.read(settings)
        var book = try KnownUsers(reading: instance.store)
        counts = try Instance.relist(&book, settings, instance.store, instance.time)
        self.book = book
        try instance.store.setMaxStaleness(settings.maxStaleness)
    }
}

extension ProgramFailure {
    /// Another process holds the lock: which one, and what to do.
    package static func locked(_ settings: MirrorSettings) -> ProgramFailure {
        guard let holder = LockFile.holder(database: settings.database) else {
            return ProgramFailure(
                .locked,
                "\(settings.database).lock is held by a process that is no groupmirror",
                advice:
                    "find it with 'fuser \(settings.database).lock' and end it; when it is gone "
                    + "already, try again")
        }
        return ProgramFailure(
            .locked,
            "another groupmirror (process \(holder.process)) works on \(settings.database)",
            advice: !holder.isDaemon
                ? "a command is calling the cloud itself: wait until it has ended"
                : "only one may call the cloud for a mirror; 'groupmirror status' shows it")
    }
}

extension Event {
    fileprivate static func listed(_ counts: KnownUsers.ListCounts) -> Event {
        .usersListed(
            count: counts.users, added: counts.added, removed: counts.removed,
            repeated: counts.repeated, unusual: counts.unusual)
    }
}
