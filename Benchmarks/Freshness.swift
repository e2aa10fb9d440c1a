import ArgumentParser
import ChatModel
import Freshness
import SyncRules

/// How fresh the copies are, by the program's own schedule on an invented trace of changes, beside users in
/// turn with the same calls. The figures of a trace are the same on every machine; only times differ.
enum FreshnessOfCopies {
    private static let users = 20_000
    private static let callsPerSecond = 4.0
    private static let limit = Duration.seconds(4 * 3600)

    static func measure() -> [Figure] {
        [
            ("lognormal rates", TrafficTrace.Plan(users: users), 0.52),
            ("eight times the changes", TrafficTrace.Plan(scale: 8, users: users), 0.75),
            ("four of five dormant", TrafficTrace.Plan(.classes, users: users), 0.42),
        ].flatMap { name, plan, goal in
            let trace = TrafficTrace(plan)
            let inTurn = FreshnessRun.run(trace, .roundRobin, callsPerSecond: callsPerSecond)
            let ours = FreshnessRun.run(
                trace, .expectedStaleness(FreshnessRun.Setup(maxStaleness: limit)),
                callsPerSecond: callsPerSecond)
            let ratio = ours.staleShare / inTurn.staleShare
            return [
                Figure(
                    name + ": stale copies, as a part of those with users in turn",
                    rounded(ratio, 3), goal: "≤ \(goal)", isMet: ratio <= goal),
                Figure(
                    name + ": longest time without a pull",
                    rounded(ours.longestGap.inSeconds / 3600, 2) + " h", goal: "≤ 4 h",
                    isMet: ours.longestGap <= limit),
            ]
        } + withHints() + ManyUsers.measure()
    }

    private static func withHints() -> [Figure] {
        let trace = TrafficTrace(TrafficTrace.Plan(users: users))
        let inTurn = FreshnessRun.run(trace, .roundRobin, callsPerSecond: callsPerSecond)
        var hints = HintTrace(HintTrace.Plan(), of: trace)
        var setup = FreshnessRun.Setup(maxStaleness: limit)
        func figure(_ name: String, goal: Double) -> Figure {
            setup.hints = hints.notices
            let ours = FreshnessRun.run(
                trace, .expectedStaleness(setup), callsPerSecond: callsPerSecond)
            let ratio = ours.staleShare / inTurn.staleShare
            return Figure(
                "lognormal rates, \(name): stale copies, as a part of those with users in turn",
                rounded(ratio, 3), goal: "≤ \(goal)", isMet: ratio <= goal)
        }
        let online = figure("hints of who is online", goal: 0.27)
        hints.addChanges(of: trace, arriving: 0.9)
        return [online, figure("and hints of nine changes in ten", goal: 0.08)]
    }
}

/// What the schedule costs with a million users.
enum ManyUsers {
    private static let users: UserNumber = 1_000_000
    private static let decisions = 2_000_000

    static func measure() -> [Figure] {
        let clock = ContinuousClock()
        var schedule = Schedule(maxStaleness: .seconds(4 * 3600))
        schedule.callsPerSecond = 200
        schedule.reserve(Int(users))
        var state: UInt64 = 1
        func random() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        let rows = (1...users).map { user in
            Schedule.PulledEarlier(
                user: user, lastPull: .zero - .milliseconds(Int64(users - user) * 5),
                evidence: Evidence(recent: Int(random() % 64)), calls: random() % 20 == 0 ? 3 : 1)
        }
        let restore = clock.measure { schedule.restore(rows) }
        var now = MonotonicTime.zero
        let took = clock.measure {
            for _ in 0..<decisions {
                now = now + .milliseconds(5)
                guard case .user(let user) = schedule.take(now: now) else { continue }
                let finding: PullFinding =
                    random() % 20 == 0 ? .changed(age: .seconds(Int64(random() % 600))) : .unchanged
                schedule.finish(user, at: now, outcome: .pulled(finding), calls: 1)
            }
        }
        let decision = took.inSeconds / Double(decisions) * 1e6
        schedule.hint(1, .online, at: now, now: now)
        let hinting = clock.measure {
            for _ in 0..<decisions {
                now = now + .microseconds(100)
                let kind: Hint = random() % 2 == 0 ? .online : .offline
                schedule.hint(UserNumber(random() % UInt64(users)) + 1, kind, at: now, now: now)
            }
        }
        let hint = hinting.inSeconds / Double(decisions) * 1e6
        return [
            Figure(
                "a million users: a decision and its consequences", rounded(decision, 2) + " µs",
                goal: "≤ 10 µs", isMet: decision <= 10),
            Figure(
                "memory of the schedule for a user, with hints",
                "\(Schedule.bytesForAUser) bytes", goal: "≤ 56",
                isMet: Schedule.bytesForAUser <= 56),
            Figure(
                "a million users: a hint", rounded(hint, 2) + " µs", goal: "≤ 1 µs",
                isMet: hint <= 1),
            Figure(
                "a million users: to take them up again after a start",
                rounded(restore.inSeconds, 2) + " s", goal: "≤ 2 s",
                isMet: restore <= .seconds(2)),
        ]
    }
}

/// `benchmark freshness` with options: one trace, in all its figures.
struct FreshnessOptions: ParsableArguments {
    @Option(help: "How the rates of changes are spread.") var trace = TrafficTrace.Rates.lognormal
    @Option(help: "Multiplies every rate.") var scale = 1.0
    @Option var seed: UInt64 = 1
    @Option var users = 20_000
    @Option(help: "A second.") var calls = 4.0
    @Flag(help: "With hints of who is online, of which some are lost, late or doubled.")
    var hints = false
    @Flag(help: "Also with hints of nine changes in ten.") var changed = false
    @Option(help: "Greatest age of a copy, such as 4h.") var limit = Span(.seconds(4 * 3600))

    func printAll() {
        let trace = TrafficTrace(
            TrafficTrace.Plan(trace, scale: scale, seed: seed, users: users))
        print("changes \(trace.changes), hash \(String(trace.hash, radix: 16))")
        let sweep = Double(trace.costs.reduce(0, +)) / calls
        print("one pull of every user takes \(rounded(sweep / 60, 1)) min")
        var setup = FreshnessRun.Setup(maxStaleness: limit.duration)
        if hints || changed {
            var feed = HintTrace(HintTrace.Plan(seed: seed), of: trace)
            print("visits \(feed.visits), hash \(String(feed.visitHash, radix: 16))")
            print("hints \(feed.notices.count), hash \(String(feed.noticeHash, radix: 16))")
            if changed { feed.addChanges(of: trace, arriving: 0.9) }
            setup.hints = feed.notices
        }
        print("")
        print("| | users in turn | expected staleness |")
        print("| --- | ---: | ---: |")
        let clock = ContinuousClock()
        let inTurn = FreshnessRun.run(trace, .roundRobin, callsPerSecond: calls)
        var ours = inTurn
        let took = clock.measure {
            ours = FreshnessRun.run(
                trace, .expectedStaleness(setup), callsPerSecond: calls)
        }
        func row(_ name: String, _ value: (FreshnessRun.Result) -> String) {
            print("| \(name) | \(value(inTurn)) | \(value(ours)) |")
        }
        row("stale copies, averaged over time") { rounded($0.staleShare * 100, 4) + " %" }
        row("as a part of those with users in turn") {
            rounded($0.staleShare / inTurn.staleShare, 4)
        }
        row("a change waits, mean") { rounded($0.lags.mean / 60) + " min" }
        row("a change waits, median") { rounded($0.lags.percentile(0.5) / 60) + " min" }
        row("a change waits, 99 of 100") { rounded($0.lags.percentile(0.99) / 60) + " min" }
        row("longest time without a pull") { rounded($0.longestGap.inSeconds / 3600, 2) + " h" }
        row("pulls") { "\($0.pulls)" }
        row("digest of the pulls") { String($0.digest, radix: 16) }
        print("")
        print("users are pulled when expected to be \(rounded(ours.price, 0)) s stale")
        print("second looks that found a change, lately: \(rounded(ours.hitRate * 100, 0)) %")
        print("decisions a second: \(rounded(Double(ours.pulls) / took.inSeconds, 0))")
        print("bytes of the schedule for a user: \(Schedule.bytesForAUser)")
    }
}

extension TrafficTrace.Rates: ExpressibleByArgument {}

/// A span of time: `90s`, `30m`, `4h`.
struct Span: ExpressibleByArgument {
    let duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        let units = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[String($0)] }),
            let count = Int(argument.dropLast()), count > 0
        else { return nil }
        duration = .seconds(count * unit)
    }

    var defaultValueDescription: String { "\(Int(duration.inSeconds / 3600))h" }
}
