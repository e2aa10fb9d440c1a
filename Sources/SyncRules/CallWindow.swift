import ChatModel

// The cloud refuses the 201st call of a command within a second, as it counts (Cloud.md §8). A
// bucket refilled by our own clock cannot respect that: calls sent evenly arrive in clumps. Here a
// token is tied to its call: it comes back one second after the call's reply, less a margin, so two
// uses of one token are a second apart at the server whatever the network does:
//
//     arrival(next) >= send(next) >= reply(previous) + 1 s - margin >= arrival(previous) + 1 s
//
// as long as the margin is at most the shortest way out plus the shortest way back. The smallest
// round trip seen is that sum and a little more; how much more falls with the number of round trips
// seen, and is large while a start slows everything down. So the margin is nothing at first, then the smallest
// round trip less a twentieth, after 2000 calls less a fiftieth. It is always reduced by 3 ms and by twice the
// distance to the twentieth smallest: if that distance is large, shorter round trips are likely.

/// What is known of the process that called the cloud before this one.
package enum Predecessor: Hashable, Sendable {
    /// There was none.
    case none
    /// It ended cleanly: none of its calls arrives after this time, except those that were lost.
    case quiet(since: MonotonicTime, lost: LostCalls = .none)
    /// It may have been killed a moment ago, with calls under way.
    case unknown
}

/// Calls without an answer that may still arrive.
package struct LostCalls: Hashable, Sendable {
    package let count: Int
    /// None arrives after this.
    package let until: MonotonicTime

    package static let none = LostCalls(count: 0, until: .zero)

    package init(count: Int, until: MonotonicTime) {
        self.count = count
        self.until = until
    }
}

/// The right to send calls of one command. A value: the time is a parameter, and it holds no lock.
package struct CallWindow: Sendable {
    /// How much of the round trip a token may save.
    package enum Margin: String, Sendable, CaseIterable {
        /// Most of the smallest round trip seen: 98 to 100 % of the limit is used.
        case measured
        /// Nothing: holds without any assumption about the network, and costs one round trip in
        /// every second.
        case none
    }

    /// What to do with a call that wants to leave.
    package enum Answer: Hashable, Sendable {
        case send
        /// Ask again at this time.
        case wait(until: MonotonicTime)
        /// Every token is with a call in flight: ask again when one has its reply.
        case waitForReply
    }

    /// How a call that had a token ended.
    package enum Ending: Hashable, Sendable {
        case replied
        /// No reply: when it reaches the server, if at all, is unknown. A connection that broke may
        /// have handed it to a gateway that still carries it.
        case lost
        /// Something in between has answered, or what came cannot be read: what it passed on arrives
        /// within a second, or never.
        case answeredBetween
        /// It never left this machine.
        case notSent
    }

    package let limit: Int
    private let margin: Margin
    private let tick: Duration
    /// The share of `limit` in use: all of it, less after the cloud said "too often".
    private var allowance: Double
    private var inFlight = 0
    /// When the replies came whose tokens are not back yet. The time of return is not stored: the margin may
    /// shrink meanwhile, and then applies to all of them.
    private var cooling = SortedTimes()
    /// Until when calls that were lost may still be under way.
    private var lost = SortedTimes()
    /// Calls in flight or lost: the next process allows for so many.
    private let mostUnderWay: Int?
    private var roundTrips = RoundTrips()
    private var nextSend: MonotonicTime
    private var pausedUntil: MonotonicTime
    private var lastCut: MonotonicTime?
    private var lastClimb: MonotonicTime

    /// A token is one second old when it may be used again: the span over which the cloud counts.
    package static let second = Duration.seconds(1)

    /// How long a call without a reply may be under way: the cloud gives it up after so long
    /// (Cloud.md §3), so a later arrival counts as little as none.
    package static let longestWay = Duration.seconds(3)

    /// The part of the allowance that is left after a refusal.
    package static let cut = 0.7

    /// - Parameters:
    ///   - limit: calls a second that the cloud allows for the command.
    ///   - now: when the window opens. The first call leaves a second later than the last one of a
    ///     predecessor may have arrived.
    ///   - underWay: so many calls may still be under way from a predecessor that was killed: their
    ///     tokens come later still. No more of our own are under way at once, those counted that were
    ///     lost; nil for no such bound.
    ///   - tick: callers are woken at multiples of it.
    package init(
        limit: Int, margin: Margin, now: MonotonicTime, underWay: Int? = nil,
        predecessor: Predecessor = .unknown, tick: Duration = .zero
    ) {
        precondition(limit > 0, "a window of no calls would wait for ever")
        self.limit = limit
        self.margin = margin
        self.tick = tick
        allowance = Double(limit)
        nextSend = now
        switch predecessor {
        case .none: pausedUntil = now
        case .quiet(let since, _): pausedUntil = max(now, since + Self.second)
        case .unknown: pausedUntil = now + Self.second
        }
        lastClimb = now
        mostUnderWay = underWay
        switch predecessor {
        case .none: break
        case .quiet(_, let lost):
            for _ in 0..<min(limit, lost.count) { cooling.insert(lost.until) }
        case .unknown:
            for _ in 0..<min(limit, underWay ?? 0) { cooling.insert(now + Self.longestWay) }
        }
    }

    /// The calls that have ended without an answer and may still arrive.
    package func lostCalls(now: MonotonicTime) -> LostCalls {
        var lost = lost
        lost.removeAll(upTo: now)
        return lost.last.map { LostCalls(count: lost.count, until: $0) } ?? .none
    }

    /// Calls a second that are allowed now.
    package var allowedNow: Int { Int(allowance) }

    /// Takes a token if one may be used at `now`.
    package mutating func take(now: MonotonicTime) -> Answer {
        climb(now: now)
        let spell = Self.second - saved(now: now)
        cooling.removeAll(upTo: now - spell)
        lost.removeAll(upTo: now)
        let opening = max(pausedUntil, nextSend)
        if opening > now { return .wait(until: opening) }
        if inFlight + cooling.count >= allowedNow {
            guard let first = cooling.first else { return .waitForReply }
            return .wait(until: first + spell)
        }
        if let mostUnderWay, inFlight + lost.count >= mostUnderWay {
            return lost.first.map { .wait(until: $0) } ?? .waitForReply
        }
        inFlight += 1
        // A caller that was woken at a tick makes up for the one before it, not for more.
        nextSend = max(nextSend, now - tick) + pace
        return .send
    }

    /// Gives back the token of a call sent at `sentAt`.
    package mutating func ended(_ ending: Ending, sentAt: MonotonicTime, now: MonotonicTime) {
        precondition(inFlight > 0, "a call ended that had no token")
        inFlight -= 1
        switch ending {
        case .replied:
            roundTrips.add(now - sentAt, now: now)
            cooling.insert(now)
        case .lost:
            let arrival = max(now, sentAt + Self.longestWay)
            lost.insert(arrival)
            cooling.insert(arrival + saved(now: now))
        case .answeredBetween:
            cooling.insert(now + Self.second)
        case .notSent:
            break
        }
    }

    /// The cloud said "too often" to a call sent at `sentAt`. True when this narrowed the window:
    /// calls that were already under way at the last cut say nothing new.
    /// - Parameter pause: how long the cloud asks to be left alone; a second at least.
    package mutating func refused(
        sentAt: MonotonicTime, now: MonotonicTime, pause: Duration = .zero
    ) -> Bool {
        self.pause(until: now + max(Self.second, pause))
        if let lastCut, sentAt < lastCut { return false }
        lastCut = now
        lastClimb = pausedUntil
        allowance = max(1, allowance * Self.cut)
        return true
    }

    /// No call leaves before `time`.
    package mutating func pause(until time: MonotonicTime) {
        pausedUntil = max(pausedUntil, time)
    }

    /// One hundredth of the limit a second: back at the full limit half a minute after one cut,
    /// slow enough not to probe all the time a limit that is shared with the app's other servers.
    private mutating func climb(now: MonotonicTime) {
        guard now > lastClimb else { return }
        let gained = (now - lastClimb).inSeconds * Double(limit) / 100
        allowance = min(Double(limit), allowance + gained)
        lastClimb = now
    }

    /// Twice the limit's own rate: a full window leaves over half a second rather than at once, and
    /// a call that comes late does not cost the rate.
    private var pace: Duration { Self.second / (2 * limit) }

    private func saved(now: MonotonicTime) -> Duration {
        margin == .measured ? roundTrips.margin(now: now) : .zero
    }
}

/// How much of a round trip can be saved, judged by past ones.
private struct RoundTrips: Sendable {
    /// Ascending, at most twenty.
    private var smallest: [Duration] = []
    private var count = 0
    private var firstAt: MonotonicTime?

    /// With jitter of 15 ms each way, the smallest of 200 round trips is 1.5 ms above the shortest
    /// way out plus the shortest way back, on average.
    private static let enough = 200
    /// Round trips near the shortest are the rarer the nearer: out and back must both be short. Then
    /// the smallest of any number lies further above the shortest than twice its distance to the
    /// twentieth in one case of 70,000, where jitter is spread evenly.
    private static let kept = 20
    /// The burst of a start keeps even the fastest call slow.
    private static let settling = Duration.seconds(2)
    private static let slack = Duration.milliseconds(3)
    /// Of so many, the smallest is 1 ms above at the same jitter, so less needs to be left.
    private static let many = 2000

    /// Takes in how long a call took.
    mutating func add(_ roundTrip: Duration, now: MonotonicTime) {
        if smallest.count < Self.kept || smallest.last.map({ roundTrip < $0 }) ?? true {
            let place = smallest.firstIndex { $0 > roundTrip } ?? smallest.count
            smallest.insert(roundTrip, at: place)
            if smallest.count > Self.kept { smallest.removeLast() }
        }
        count += 1
        if firstAt == nil { firstAt = now }
    }

    func margin(now: MonotonicTime) -> Duration {
        guard let first = smallest.first, let last = smallest.last, let firstAt,
            count >= Self.enough, now - firstAt >= Self.settling
        else { return .zero }
        let share = count < Self.many ? first / 20 : first / 50
        let slack = max(Self.slack, share, (last - first) * 2)
        return min(max(.zero, first - slack), CallWindow.second)
    }
}

/// Times in ascending order. They arrive nearly sorted, so an insertion looks from the back.
private struct SortedTimes: Sendable {
    private var times: [MonotonicTime] = []
    private var start = 0

    var count: Int { times.count - start }
    var first: MonotonicTime? { start < times.count ? times[start] : nil }
    var last: MonotonicTime? { start < times.count ? times.last : nil }

    mutating func insert(_ time: MonotonicTime) {
        var position = times.count
        while position > start, times[position - 1] > time { position -= 1 }
        times.insert(time, at: position)
    }

    mutating func removeAll(upTo now: MonotonicTime) {
        while start < times.count, times[start] <= now { start += 1 }
        if start > 64, start * 2 > times.count {
            times.removeFirst(start)
            start = 0
        }
    }
}
