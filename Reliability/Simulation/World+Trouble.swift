import ChatEmulator
import ChatModel
import Disk
import MirrorStore
import SyncEngine
import SyncRules

// Trouble: each kind of it is a task of its own that draws from a generator of its own.

extension World {
    func letTroubleCome() async {
        let end = clock.time + plan.trouble
        let happenings: [(Ingredient, Duration, @Sendable (inout SplitMix) async -> Void)] = [
            (.phones, plan.phonePause, { self.phone(&$0) }),
            (.edits, plan.editPause, { self.edit(&$0) }),
            (.requests, .seconds(5), { _ in self.operators.askAtRandom() }),
            (.faults, .seconds(3), { self.changeFaults(&$0) }),
            (.losses, .seconds(5), { await self.loseCalls(&$0) }),
            (.limits, .seconds(10), { await self.cutLimit(&$0) }),
            (.clocks, .seconds(15), { await self.jump(&$0) }),
            (.refusals, .seconds(25), { await self.downgrade(&$0) }),
            (.reloads, .seconds(10), { await self.relist(&$0) }),
            (.stops, .seconds(15), { _ in await self.stopProcess() }),
            (.kills, .seconds(9), { await self.kill(&$0) }),
            (.powercuts, .seconds(14), { self.cutPowerSoon(&$0) }),
            (.disk, .seconds(8), { self.spoilDisk(&$0) }),
            (.locks, .seconds(15), { await self.hold(&$0) }),
            (.hints, .milliseconds(700), { await self.hint(&$0) }),
        ]
        for (index, (ingredient, gap, act)) in happenings.enumerated()
        where plan.has(ingredient) {
            spawn {
                var random = self.plan.random(UInt64(100 + index))
                while true {
                    // Uniform up to twice the mean: never forgotten, never in step.
                    let span = Double(gap.nanoseconds) * 2 * random.chance()
                    await self.pause(.nanoseconds(Int64(span)))
                    guard self.clock.time < end, !self.isQuiet else { return }
                    await act(&random)
                }
            }
        }
        await pause(plan.trouble)
    }

    private func phone(_ random: inout SplitMix) {
        guard plan.phoneUsers > 0 else { return }
        network.phone(plan.userName(1 + random.below(plan.phoneUsers)))
    }

    /// What others say of users, of phones and of those without: true or false, late, doubled, from tomorrow, by
    /// the hundred, or about strangers.
    private func hint(_ random: inout SplitMix) async {
        guard plan.hasHints, let process, !process.isKilled else { return }
        var lines: [HintLine] = []
        for _ in 0..<(random.chance() < 0.05 ? 300 : 1 + random.below(4)) {
            let user =
                random.chance() < 0.05 ? "nobody" : plan.userName(1 + random.below(plan.users))
            guard let id = try? UserID(user), let kind = Hint.allCases.randomElement(using: &random)
            else { continue }
            let late = Duration.milliseconds(
                random.below(20_000) - (random.chance() < 0.1 ? 86_400_000 : 0))
            let line = HintLine(
                kind, id, at: random.chance() < 0.3 ? nil : clock.wallTime() + (.zero - late))
            lines += random.chance() < 0.1 ? [line, line] : [line]
        }
        diary.count("hints given", lines.count)
        await process.engine.take(lines)
    }

    private func edit(_ random: inout SplitMix) {
        switch random.chance() {
        case ..<0.86: operators.edit()
        case ..<0.92: operators.meddle()
        case ..<0.96: operators.checkpoint()
        default: operators.decide(random.chance() < 0.7 ? .approved : .rejected)
        }
    }

    /// Other faults than before, or none. What makes the cloud say what is not so meets users with
    /// phones only: of the others we know the end to the letter.
    private func changeFaults(_ random: inout SplitMix) {
        let honest: [Fault.Kind] = [
            .badGateway, .resetBefore, .resetAfter, .stall, .silence, .truncated, .garbage,
            .stuckCursor, .noCompleteFlag, .noContentType, .code(50004, applied: false),
            .code(50005, applied: true), .code(60008, applied: true), .code(60008, applied: false),
            .code(60022, applied: false), .code(90994, applied: true), .code(51007, applied: false),
            .code(50001, applied: false), .busy(status: 429, retryAfter: 2),
            .busy(status: 503, retryAfter: 1),
        ]
        let lies: [Fault.Kind] = [
            .emptyListing, .omission, .dangling, .drift, .code(51009, applied: false),
            .itemFails(51007, applied: false), .itemFails(51007, applied: true),
            .itemFails(50002, applied: false), .itemFails(50002, applied: true),
        ]
        var faults: [Fault] = []
        for _ in 0..<random.below(4) {
            guard let kind = honest.randomElement(using: &random) else { continue }
            let rate = [0.05, 0.2, 0.6].randomElement(using: &random) ?? 0.1
            let isParking = kind == .code(50001, applied: false)
            faults.append(
                Fault(
                    kind, rate: rate, times: isParking ? 2 : nil,
                    command: random.chance() < 0.3 ? "get_contact_group" : nil,
                    user: random.chance() < 0.3
                        ? plan.userName(1 + random.below(plan.users)) : nil))
        }
        if plan.has(.lies), plan.phoneUsers > 0 {
            for _ in 0..<random.below(3) {
                guard let kind = lies.randomElement(using: &random) else { continue }
                faults.append(
                    Fault(
                        kind, rate: 0.3, times: 1 + random.below(4),
                        user: plan.userName(1 + random.below(plan.phoneUsers))))
            }
        }
        network.core.set(faults)
    }

    private func loseCalls(_ random: inout SplitMix) async {
        if random.chance() < 0.15 {
            network.isCut = true
            await pause(.seconds(1 + random.below(9)))
            network.isCut = false
        } else {
            network.losses = [0, 0.05, 0.3].randomElement(using: &random) ?? 0
        }
    }

    /// Another server of the app spends a part of the limit.
    private func cutLimit(_ random: inout SplitMix) async {
        network.core.options.rate = min(
            plan.limit, [2, 20, 100].randomElement(using: &random) ?? 20)
        diary.count("limits cut")
        await pause(.seconds(1 + random.below(8)))
        network.core.options.rate = plan.limit
    }

    private func jump(_ random: inout SplitMix) async {
        let jumps: [Duration] = [
            .seconds(-3), .seconds(7), .seconds(-3600), .seconds(86_400 * 2), .seconds(-86_400 * 3),
        ]
        setCalendar(ahead: jumps.randomElement(using: &random) ?? .zero)
        await pause(.seconds(1 + random.below(10)))
        if random.chance() < 0.7 { setCalendar(ahead: .zero) }
    }

    private func downgrade(_ random: inout SplitMix) async {
        network.core.options.hasEdition = false
        diary.count("downgrades")
        // Or as it may look to whoever only lists.
        let isEmpty = random.chance() < 0.4
        if isEmpty { network.core.set([Fault(.emptyListing)]) }
        await pause(.seconds(1 + random.below(5)))
        if isEmpty { network.core.set([]) }
        network.core.options.hasEdition = true
    }

    private func relist(_ random: inout SplitMix) async {
        let isWhole = random.chance() < 0.5
        let share = random.chance()
        var users: [String] = []
        for user in plan.userNames where isWhole || random.chance() < share { users.append(user) }
        await reload(users)
    }

    private func kill(_ random: inout SplitMix) async {
        if random.chance() < 0.5 {
            killProcess()
        } else {
            // In the midst of something that is written.
            disk.trouble = .stop(at: disk.operations + random.below(40))
        }
    }

    private func cutPowerSoon(_ random: inout SplitMix) {
        if random.chance() < 0.3 { return cutPower() }
        cutPower(at: disk.operations + random.below(40))
    }

    /// The process is stopped at an operation, and with the next one of another the power goes.
    private func cutPower(at operation: Int) {
        disk.trouble = .stop(at: operation)
        disk.watch = { [unowned self] in
            guard disk.operations == operation + 1 else { return }
            disk.watch = nil
            cutPower()
        }
    }

    /// The one thing that goes wrong with the disk in a world that is about it.
    func prepare(_ accident: Accident) {
        let at = accident.operation
        switch accident.kind {
        case .kill: disk.trouble = .stop(at: at)
        case .powercut: cutPower(at: at)
        case .error: disk.trouble = .fail(at: at, times: 1)
        case .errors: disk.trouble = .fail(at: at, times: .max - at)
        case .full: disk.trouble = .full(at: at, times: .max - at)
        }
    }

    private func spoilDisk(_ random: inout SplitMix) {
        let at = disk.operations + random.below(30)
        let times = [1, 1, 3, 20, 200].randomElement(using: &random) ?? 1
        disk.trouble =
            random.chance() < 0.5
            ? .fail(at: at, times: times) : .full(at: at, times: times)
        disk.countsReads = random.chance() < 0.3
    }

    /// Somebody works in the database with `sqlite3`, or imports very much.
    private func hold(_ random: inout SplitMix) async {
        guard operators.lock() else { return }
        await pause(.seconds(1 + random.below(20)))
        operators.unlock()
    }
}
