import ChatModel
import Synchronization

/// How far this machine's clock is from the cloud's, by the `Date` of the last reply. Thread-safe.
///
/// A machine that boots before its clock is set signs with the wrong time, and the cloud refuses the
/// signature as if the key were wrong.
package final class CloudClock: Sendable {
    private let last = Mutex<Duration?>(nil)

    /// `Date` has whole seconds and a reply may be under way for some: less is no difference.
    package static let tolerance = Duration.seconds(300)

    package init() {}

    /// Takes in the `Date` of a reply that has just come.
    func observe(_ date: WallTime?, at wall: WallTime) {
        guard let date else { return }
        last.withLock { $0 = wall - date }
    }

    /// The cloud's time at a moment of this machine's, to a second or two.
    package func cloudTime(at wall: WallTime) -> WallTime {
        wall + (.zero - (last.withLock { $0 } ?? .zero))
    }

    /// By how much this machine's clock is ahead (positive) or behind; nil while it is right, or no
    /// reply came.
    package var offset: Duration? {
        last.withLock { $0 }.flatMap { offset in
            offset > Self.tolerance || offset < .zero - Self.tolerance ? offset : nil
        }
    }
}

extension Duration {
    /// `3 h 20 min ahead of`, `12 min behind`: of a clock that is off by this much.
    package var asClockOffset: String {
        let minutes = abs(components.seconds) / 60
        let span =
            minutes < 60
            ? "\(minutes) min"
            : minutes < 48 * 60
                ? "\(minutes / 60) h \(minutes % 60) min" : "\(minutes / (24 * 60)) days"
        return span + (self > .zero ? " ahead of" : " behind")
    }
}
