import ChatEmulator
import ChatModel
import Disk
import MirrorStore
import SyncEngine
import SyncRules

// The story of a world: the daemon starts, trouble of every kind comes, trouble ends, the backlog
// melts, and then everything is compared with what is true.

/// One world, from its seed to its end.
package final class World: @unchecked Sendable {
    let plan: WorldPlan
    package let diary: WorldDiary
    let clock = VirtualClock()
    let disk: SimulatedDisk
    let network: SimulatedNetwork
    let operators: Operators
    let queue: JobQueue
    private(set) var process: SimulatedProcess?
    private var lives = 0
    /// How much the machine's calendar is ahead.
    private var wallOffset = Duration.zero
    private var listed: [String]
    /// Since when nothing goes wrong any more.
    private var quietSince: MonotonicTime?
    var isQuiet: Bool { quietSince != nil }
    /// Parked users that somebody has asked for since all is quiet.
    var askedFor: Set<UserNumber> = []
    /// Is told everything that is written into the database.
    package var record: (StoreStep) -> Void = { _ in }
    private var isOver = false
    private var running = 0
    private var isDone = false

    package init(_ plan: WorldPlan, diary: WorldDiary = WorldDiary()) {
        self.plan = plan
        self.diary = diary
        disk = SimulatedDisk(seed: plan.seed ^ 0xD15C)
        SimulatedDisk.current = disk
        SimulatedDisk.isAlone = true
        network = SimulatedNetwork(plan, clock: clock, diary: diary)
        queue = JobQueue(shuffle: plan.has(.shuffle) && plan.seed % 2 == 0 ? plan.seed : nil)
        listed = plan.userNames
        operators = Operators(
            plan, clock: ProcessClock(clock) { .zero }, disk: disk, watch: network.watch,
            diary: diary)
        disk.wallTime = { [unowned self] in clock.wallTime() + wallOffset }
        network.spawn = { [unowned self] body in spawn(body) }
        operators.record = { [unowned self] step in record(step) }
    }

    /// Lives through it; the diary tells what became of it.
    package func run() {
        spawn {
            await self.live()
            self.isDone = true
        }
        if !queue.run(clock, until: { self.isDone && self.running == 0 }) {
            diary.problem(
                isDone
                    ? "\(running) tasks never ended"
                    : "everything waits, or runs in circles, at \(clock.time.nanoseconds) ns")
        }
        diary.count("virtual milliseconds", Int((clock.time - .zero).milliseconds))
        for (kind, times) in network.core.faultsStruck { diary.count("fault \(kind)", times) }
        diary.count("disk operations that failed", disk.failures)
        diary.count("kills in mid-write", disk.kills)
    }

    private func live() async {
        if let accident = plan.accident { prepare(accident) }
        startProcess()
        await letTroubleCome()
        await becomeQuiet()
        await letBacklogMelt()
        await compareWithTruth()
        isOver = true
        await process?.engine.drain()
    }

    // MARK: Running things

    /// Runs `body` beside everything else, on the world's thread.
    func spawn(_ body: @escaping @Sendable () async -> Void) {
        running += 1
        Task(executorPreference: queue) {
            await body()
            self.running -= 1
        }
    }

    func pause(_ span: Duration) async {
        try? await clock.sleep(for: span)
    }

    // MARK: The daemon's lives

    func startProcess() {
        guard !isOver, process == nil else { return }
        lives += 1
        let number = lives
        do {
            let new = try SimulatedProcess(
                number: number, plan, users: listed,
                clock: ProcessClock(clock) { [unowned self] in wallOffset }, disk: disk,
                network: network, diary: diary,
                committed: { [unowned self] in hasCommitted($0) })
            guard !new.isKilled else { return startAgain(after: .seconds(1)) }
            process = new
            diary.count("starts")
            diary.line("\(clock.time.nanoseconds) start \(number)")
            new.hasDied = { [unowned self, unowned new] in hasDied(new) }
            spawn {
                let end = await new.engine.run()
                try? new.store.close()
                self.hasEnded(new, end)
            }
        } catch {
            diary.count("failed starts")
            diary.line("\(clock.time.nanoseconds) start \(number) failed: \(error)")
            if isQuiet { diary.problem("no start though all is quiet: \(error)") }
            startAgain(after: .seconds(1))
        }
    }

    /// systemd does, after a while.
    private func startAgain(after span: Duration) {
        spawn {
            await self.pause(span)
            self.startProcess()
        }
    }

    private func hasDied(_ dead: SimulatedProcess) {
        diary.line("\(clock.time.nanoseconds) death of \(dead.number)")
        guard process === dead else { return }
        process = nil
        // Its tasks come to their end in a world of their own: nothing they do has an effect.
        spawn { await dead.engine.drain() }
        startAgain(after: restart)
    }

    private var restart: Duration { .milliseconds(100 + Int64(lives * 397 % 2000)) }

    private func hasEnded(_ ended: SimulatedProcess, _ end: MirrorEngine.End) {
        diary.line("\(clock.time.nanoseconds) end of \(ended.number)")
        guard process === ended else { return }
        process = nil
        if case .storeUnusable(let failure) = end {
            diary.problem("the store is unusable: \(failure)")
        }
        // A refusal of before the quiet may still be under way, and the stop after it waits for a
        // call that is silent for ten seconds.
        if let quietSince, clock.time - quietSince > .seconds(12), !isOver, !ended.isTold {
            diary.problem("ended in the quiet: \(end)")
        }
        startAgain(after: .seconds(1))
    }

    private func hasCommitted(_ entries: [StoreEntry]) {
        record(.commit(entries))
        guard let witness = operators.witness else { return }
        do {
            try witness.checkChanges()
            for case .pulled(let pull) in entries where pull.digest != nil {
                try checkPast(pull.user, witness)
            }
        } catch {
            diary.count("looks that met the disk")
        }
    }

    /// A whole listing shows something that the cloud really had.
    private func checkPast(_ user: UserNumber, _ witness: MirrorWitness) throws {
        guard let (name, facts) = try witness.facts(of: user),
            !network.watch.liedTo.contains(name)
        else { return }
        diary.count("mirrors compared with the cloud's past")
        if !network.watch.everHad(name, facts) {
            diary.problem("\(name): the mirror shows what the cloud never had")
        }
    }

    /// SIGKILL.
    func killProcess() {
        guard let process else { return }
        diary.count("kills")
        process.kill(disk)
    }

    /// The machine loses its power, and with it what was not synced.
    func cutPower() {
        diary.count("power cuts")
        diary.line("\(clock.time.nanoseconds) power cut")
        disk.cutPower()
    }

    /// SIGTERM.
    func stopProcess() async {
        guard let process else { return }
        diary.count("stops")
        process.isTold = true
        await process.engine.drain()
    }

    /// SIGHUP, with another list of users.
    func reload(_ users: [String]) async {
        listed = users
        guard let process else { return }
        do {
            try await process.reload(users, plan)
            if !isQuiet { diary.count("reloads") }
        } catch {
            diary.count("reloads that met the disk")
        }
    }

    /// Somebody sets the machine's calendar.
    func setCalendar(ahead: Duration) {
        wallOffset = ahead
        if !isQuiet { diary.count("calendar jumps") }
        diary.line("\(clock.time.nanoseconds) calendar \(ahead)")
    }

    // MARK: Quiet

    /// What must happen while things go wrong: afterwards nothing does.
    private static let workInTrouble = [
        "calls", "calls that filled a second", "writes done",
        "mirrors compared with the cloud's past",
    ]

    private func becomeQuiet() async {
        quietSince = clock.time
        diary.count("operations before the quiet", disk.operations)
        for what in World.workInTrouble {
            diary.count("\(what) in the trouble", diary.counts[what, default: 0])
        }
        diary.line("\(clock.time.nanoseconds) quiet")
        network.core.set([])
        network.losses = 0
        network.isCut = false
        network.core.options.rate = plan.limit
        network.core.options.hasEdition = true
        disk.trouble = nil
        disk.watch = nil
        operators.unlock()
        setCalendar(ahead: .zero)
        await reload(plan.userNames)
    }
}
