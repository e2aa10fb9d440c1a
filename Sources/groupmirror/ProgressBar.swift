import ChatModel
import MirrorStore
import SyncRules
import Synchronization
import HostSystem

/// One line on a terminal that grows with the work and says how long it will take; nothing anywhere
/// else.
final class ProgressBar: Sendable {
    private let width: Int?
    private let time = SystemTimekeeper()
    private let startedAt: MonotonicTime
    private let isDrawn = Mutex(false)
    /// When the count last moved, and how long it had taken then.
    private let lastMove = Mutex<(done: Int, took: Duration, at: MonotonicTime)?>(nil)

    init() {
        width = Output.terminalWidth
        startedAt = time.now()
    }

    /// How long the work has taken so far.
    var elapsed: Duration { time.now() - startedAt }

    func show(_ progress: RequestProgress) { show(done: progress.done, of: progress.total) }

    func show(done: Int, of total: Int) {
        guard let width, total > 0 else { return }
        let share = Double(done) / Double(total)
        let tail = " \(done)/\(total)  \(Int(share * 100)) %  \(remaining(done, share))"
        let room = max(0, min(40, width - tail.count - 3))
        let filled = Int(share * Double(room))
        let bar =
            "[" + String(repeating: "=", count: filled)
            + String(repeating: " ", count: room - filled) + "]"
        Output.raw("\r\u{1B}[K" + bar + tail, to: 2)
        isDrawn.withLock { $0 = true }
    }

    /// Takes the line away, so that what follows stands in its place.
    func clear() {
        if isDrawn.withLock({ $0 }) { Output.raw("\r\u{1B}[K", to: 2) }
    }

    /// A line on standard error, in place of the bar.
    func note(_ text: String) {
        clear()
        Output.note(text)
    }

    /// How long the rest takes at the pace until the count last moved: in between nothing new is known.
    private func remaining(_ done: Int, _ share: Double) -> String {
        guard share > 0, share < 1 else { return "" }
        return lastMove.withLock { last in
            if last?.done != done { last = (done, elapsed, time.now()) }
            guard let last else { return "" }
            let rest = Double(last.took.milliseconds) * (1 / share - 1)
            let since = (time.now() - last.at).milliseconds
            return "eta " + spoken(.milliseconds(max(0, Int64(rest) - since)))
        }
    }
}

/// A span as people write it: `850 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`.
func spoken(_ span: Duration) -> String {
    let seconds = span.milliseconds / 1000
    switch seconds {
    case ..<1: return "\(span.milliseconds) ms"
    case ..<120: return "\(seconds) s"
    case ..<7200: return "\(seconds / 60) min \(seconds % 60) s"
    default: return "\(seconds / 3600) h \(seconds / 60 % 60) min"
    }
}

/// A staleness, which may be next to nothing.
func spokenStaleness(_ span: Duration) -> String {
    span < .milliseconds(1) ? "under 1 ms" : spoken(span)
}

/// How long ago something was, by the calendar, which may have been set back since.
func spokenAgo(_ span: Duration) -> String {
    span < .zero
        ? "\(spoken(.zero - span)) in the future: the clock was set back"
        : "\(spoken(span)) ago"
}
