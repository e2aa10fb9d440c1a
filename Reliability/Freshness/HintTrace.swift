import ChatEmulator
import SyncRules

// Who is online when, for the users of a trace of changes, and what the cloud says of it: notices that come late,
// twice or never. Visits are invented so that changes fall into them; most visits bring no change.

/// The visits of a trace's users, and the notices of them.
package struct HintTrace: Sendable {
    /// What makes a trace of visits another one.
    package struct Plan: Sendable {
        /// Of all notices.
        package var lost = 0.1
        /// Users who never log out.
        package var always = 0.1
        /// Visits without a change, a day.
        package var idle = 6.0
        /// Milliseconds that such a visit takes, on average.
        package var idleLength = 600_000.0
        /// Ends that are announced late, as disconnections.
        package var late = 0.3
        /// Notices that come a second time.
        package var doubled = 0.02
        package var seed: UInt64

        package init(seed: UInt64 = 1) { self.seed = seed }
    }

    /// A notice of the cloud.
    package struct Notice: Sendable {
        package let arrival: Int
        package let user: Int
        package let kind: Hint
        /// When the cloud says that it happened.
        package let at: Int
    }

    package private(set) var visits = 0
    /// In the order of their arrival.
    package private(set) var notices: [Notice] = []
    private var visitSum = FNV()
    private var noticeSum = FNV()

    package var visitHash: UInt64 { visitSum.value }
    package var noticeHash: UInt64 { noticeSum.value }

    /// - Parameter trace: whose changes fall into visits.
    package init(_ plan: Plan, of trace: TrafficTrace) {
        for user in trace.costs.indices {
            var random = TraceRandom(seed: plan.seed, user: user, step: 0x9E6C_63D0_876A_9A47)
            for visit in Self.visits(of: user, plan, trace, &random) {
                add(visit, of: user, plan, &random)
            }
        }
        sort()
    }

    /// What another program may say of many users again and again, to do harm.
    package enum Flood: String, CaseIterable, Sendable {
        /// All users are online for ten minutes of each hour.
        case everybodyHourly
        /// A fifth of the users are online for twenty minutes of each half hour.
        case aFifthOften
        /// A fifth come online every ten minutes and never leave.
        case aFifthNeverLeaves
        /// All users leave and come again every six hours.
        case reconnections
        /// All users leave every ten minutes.
        case everybodyLeaves
        /// All users, or a fifth of them, have changed something every ten minutes.
        case everybodyHasChanged, aFifthHasChanged
    }

    /// Adds a flood from the third to the fifth day of the simulation.
    package mutating func add(_ flood: Flood, users: Int) {
        let begin = TrafficTrace.start + 3 * TrafficTrace.day
        let end = begin + 2 * TrafficTrace.day
        let minute = 60_000
        let (period, steps): (Int, [(after: Int, kind: Hint)]) =
            switch flood {
            case .everybodyHourly: (60 * minute, [(0, .online), (10 * minute, .offline)])
            case .aFifthOften: (30 * minute, [(0, .online), (20 * minute, .offline)])
            case .aFifthNeverLeaves: (10 * minute, [(0, .online)])
            case .reconnections: (360 * minute, [(0, .offline), (minute, .online)])
            case .everybodyLeaves: (10 * minute, [(0, .offline)])
            case .everybodyHasChanged, .aFifthHasChanged: (10 * minute, [(0, .changed)])
            }
        let isOfAFifth = [.aFifthOften, .aFifthNeverLeaves, .aFifthHasChanged].contains(flood)
        for time in stride(from: begin, to: end, by: period) {
            for user in 0..<users where !isOfAFifth || user % 5 == 0 {
                for step in steps {
                    // Not all in one moment.
                    let at = time + step.after + user % 1000 * period / 20_000
                    notices.append(Notice(arrival: at + 1, user: user, kind: step.kind, at: at))
                }
            }
        }
        sort()
    }

    /// Equal arrivals keep the order of their users, and of one user that of their making.
    private mutating func sort() {
        notices = notices.enumerated().sorted {
            ($0.element.arrival, $0.element.user, $0.offset)
                < ($1.element.arrival, $1.element.user, $1.offset)
        }.map(\.element)
    }

    /// Begin and end of a user's visits, apart from each other.
    private static func visits(
        of user: Int, _ plan: Plan, _ trace: TrafficTrace, _ random: inout TraceRandom
    ) -> [Range<Int>] {
        let end = TrafficTrace.end
        let isAlways = random.unit() < plan.always
        let rate = min(100, max(0.05, plan.idle * random.exponentialOfBell()))
        if isAlways {
            return [Int(random.unit() * Double(end))..<end + 1_000_000_000]
        }
        var visits: [Range<Int>] = []
        var time = 0
        while true {
            time += TrafficTrace.gap(rate, &random)
            guard time < end else { break }
            if TrafficTrace.isKept(time, zone: trace.zones[user], &random) {
                visits.append(time..<time + random.exponential(plan.idleLength) + 1)
            }
        }
        for position in trace.range(of: user) where !trace.isOwn(position) {
            let before = random.exponential(300_000)
            let after = random.exponential(300_000)
            let change = trace.time(position)
            visits.append(max(0, change - before)..<change + after + 1)
        }
        visits.sort { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }
        var joined: [Range<Int>] = []
        for visit in visits {
            if let last = joined.last, visit.lowerBound <= last.upperBound + 1000 {
                joined[joined.count - 1] =
                    last.lowerBound..<max(last.upperBound, visit.upperBound)
            } else {
                joined.append(visit)
            }
        }
        return joined
    }

    private mutating func add(
        _ visit: Range<Int>, of user: Int, _ plan: Plan, _ random: inout TraceRandom
    ) {
        visits += 1
        visitSum.add(UInt64(visit.lowerBound))
        visitSum.add(UInt64(visit.upperBound))
        for (isEnd, boundary) in [(false, visit.lowerBound), (true, visit.upperBound)] {
            let lost = random.unit()
            let disconnected = random.unit()
            let delay = random.unit()
            let travel = random.unit()
            let again = random.unit()
            let second = random.unit()
            var time = boundary
            if isEnd, disconnected < plan.late { time += Int(delay * 300_000) }
            let arrival = time + 500 + Int(travel * 4500)
            guard lost >= plan.lost, time < TrafficTrace.end else { continue }
            add(Notice(arrival: arrival, user: user, kind: isEnd ? .offline : .online, at: time))
            guard again < plan.doubled else { continue }
            add(
                Notice(
                    arrival: arrival + 500 + Int(second * 59_500), user: user,
                    kind: isEnd ? .offline : .online,
                    at: time))
        }
    }

    private mutating func add(_ notice: Notice) {
        notices.append(notice)
        noticeSum.add(UInt64(notice.arrival * 2 + (notice.kind == .online ? 0 : 1)))
        noticeSum.add(UInt64(notice.at))
    }

    /// Notices of the app itself, that a user has just changed something.
    /// - Parameter arriving: the share of them that is not lost.
    package mutating func addChanges(of trace: TrafficTrace, arriving: Double) {
        for user in trace.costs.indices {
            var random = TraceRandom(seed: 7, user: user, step: 0x8CB9_2BA7_2F3D_8DD7)
            for position in trace.range(of: user) where !trace.isOwn(position) {
                let (lost, travel) = (random.unit() >= arriving, random.unit())
                guard !lost else { continue }
                let time = trace.time(position)
                notices.append(
                    Notice(
                        arrival: time + 500 + Int(travel * 4500), user: user, kind: .changed,
                        at: time))
            }
        }
        sort()
    }
}
