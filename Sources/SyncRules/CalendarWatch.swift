import ChatModel

/// Watches whether the calendar keeps step with the monotonic clock.
///
/// A machine may start with a calendar that is years ahead, until it is set right. What is
/// removed because of its age waits until the calendar has been steady for an hour.
package struct CalendarWatch: Sendable {
    package static let settling = Duration.seconds(3600)
    /// What a calendar is corrected by all at once without having been wrong.
    private static let tolerance = Duration.seconds(60)

    private var steadySince: MonotonicTime
    private var last: (now: MonotonicTime, wall: WallTime)

    package init(now: MonotonicTime, wall: WallTime) {
        steadySince = now
        last = (now, wall)
    }

    /// Compares the two; to be called more often than the calendar could drift by a minute.
    /// - Returns: whether the calendar's times are to be believed.
    package mutating func isSteady(now: MonotonicTime, wall: WallTime) -> Bool {
        let jump = (wall - last.wall) - (now - last.now)
        last = (now, wall)
        if jump > Self.tolerance || jump < .zero - Self.tolerance { steadySince = now }
        return now - steadySince >= Self.settling
    }
}
