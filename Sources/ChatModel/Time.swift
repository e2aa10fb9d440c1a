// Two kinds of time that must not be mixed: monotonic time measures waits and never jumps; wall
// time is what people and the cloud write down, and can be set back.

/// A point on the clock that only goes forward, in nanoseconds since an origin that means nothing.
package struct MonotonicTime: Hashable, Comparable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let zero = MonotonicTime(nanoseconds: 0)

    package static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    package static func + (time: MonotonicTime, span: Duration) -> MonotonicTime {
        MonotonicTime(nanoseconds: time.nanoseconds + span.nanoseconds)
    }

    package static func - (time: MonotonicTime, span: Duration) -> MonotonicTime {
        MonotonicTime(nanoseconds: time.nanoseconds - span.nanoseconds)
    }

    package static func - (left: MonotonicTime, right: MonotonicTime) -> Duration {
        .nanoseconds(left.nanoseconds - right.nanoseconds)
    }
}

extension Duration {
    /// The whole span in nanoseconds; spans here are far below the 292 years that fit.
    package var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }

    package var milliseconds: Int64 { nanoseconds / 1_000_000 }

    package var inSeconds: Double { Double(nanoseconds) / 1e9 }
}

/// A moment of the calendar, in milliseconds since 1970 (UTC).
package struct WallTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let milliseconds: Int64

    /// The furthest from 1970 that is kept, 142 years: spans between two moments must fit into the
    /// nanoseconds of a `Duration`, whatever a damaged file says.
    private static let furthest: Int64 = 4_500_000_000_000

    /// A moment too far from 1970 becomes the furthest one that is kept.
    package init(milliseconds: Int64) {
        self.milliseconds = max(-Self.furthest, min(milliseconds, Self.furthest))
    }

    package init(seconds: Int64) {
        self.init(milliseconds: max(-Self.furthest, min(seconds, Self.furthest)) * 1000)
    }

    package static func < (left: WallTime, right: WallTime) -> Bool {
        left.milliseconds < right.milliseconds
    }

    package static func + (time: WallTime, span: Duration) -> WallTime {
        WallTime(milliseconds: time.milliseconds + span.milliseconds)
    }

    package static func - (left: WallTime, right: WallTime) -> Duration {
        .milliseconds(left.milliseconds - right.milliseconds)
    }

    /// Whole seconds since 1970, rounded down.
    package var seconds: Int64 {
        milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000
    }

    /// RFC 3339 in UTC, to the second: `2026-11-21T08:00:00Z`.
    package var description: String { rendered(withMilliseconds: false) }

    /// RFC 3339 in UTC, to the millisecond: `2026-11-21T08:00:00.000Z`.
    package var precise: String { rendered(withMilliseconds: true) }

    private func rendered(withMilliseconds: Bool) -> String {
        let second = seconds
        let day = second >= 0 ? second / 86_400 : (second - 86_399) / 86_400
        let ofDay = second - day * 86_400
        let (year, month, date) = WallTime.civil(day: day)
        var text =
            "\(padded(year, 4))-\(padded(month, 2))-\(padded(date, 2))"
            + "T\(padded(ofDay / 3600, 2)):\(padded(ofDay / 60 % 60, 2)):\(padded(ofDay % 60, 2))"
        if withMilliseconds { text += "." + padded(milliseconds - second * 1000, 3) }
        return text + "Z"
    }

    /// The date of the Gregorian calendar `day` days after 1970-01-01, by counting from 0000-03-01
    /// so that the leap day is a year's last.
    private static func civil(day: Int64) -> (year: Int64, month: Int64, date: Int64) {
        let fromMarch = day + 719_468
        let era = (fromMarch >= 0 ? fromMarch : fromMarch - 146_096) / 146_097
        let ofEra = fromMarch - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * ofYear + 2) / 153
        let date = ofYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, date)
    }

    private func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

/// Where time comes from. One implementation reads the system's clocks; tests and the simulation
/// bring their own, so nothing else in the program may ask for the time or sleep.
package protocol Timekeeper: Sendable {
    /// Never goes back.
    func now() -> MonotonicTime
    /// What the calendar says; it may jump.
    func wallTime() -> WallTime
    /// Returns once `now()` has reached `deadline`; throws `CancellationError` when the task is
    /// cancelled first.
    func sleep(until deadline: MonotonicTime) async throws
}

extension Timekeeper {
    /// Sleeps for a span; throws when the task is cancelled.
    package func sleep(for span: Duration) async throws {
        try await sleep(until: now() + span)
    }
}
