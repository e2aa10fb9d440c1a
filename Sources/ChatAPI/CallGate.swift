import ChatModel
import EventLog
import SyncRules

// Every call passes here for its permit. The rule is CallWindow; this file queues those who wait,
// by urgency, and wakes them. The first in line sleeps in its own task until the window opens, so
// the gate needs no timer and no task of its own, and the same code runs under the simulation's
// clock.

/// Why a call is made; the smaller, the sooner it leaves.
package enum CallUrgency: Int, Comparable, CaseIterable, Sendable {
    /// A write: an operator waits for it.
    case pushing
    /// Further pages and look-ups of a pull under way: the sooner it ends, the less changes beneath
    /// it.
    case pulling
    /// The first page of a pass.
    case starting

    /// The more urgent is the smaller.
    package static func < (left: CallUrgency, right: CallUrgency) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// The right to send one call now. Must be given back with `ended`, sent or not.
package struct CallPermit: Sendable {
    package let command: Command
    package let grantedAt: MonotonicTime
}

/// No permits are given any more.
package struct GateClosed: Error {}

/// Gives permits, at most so many in flight, each command within its window.
package actor CallGate {
    /// A caller that waits for its turn.
    private struct Waiter {
        let id: UInt64
        let urgency: CallUrgency
        /// Set while the waiter is suspended; nil while it is awake or asleep until the window
        /// opens.
        var continuation: CheckedContinuation<Void, Never>?
    }

    /// Those that wait for one command.
    private struct Line {
        var window: CallWindow
        /// In the order of service.
        var waiters: [Waiter] = []
        /// The window was narrower than its limit when last looked at.
        var isNarrow = false
    }

    private var lines: [Command: Line] = [:]
    private var inFlight = 0
    private var mostInFlight: Int
    private var lastID: UInt64 = 0
    private var isClosed = false
    private let time: any Timekeeper
    private let log: Log

    /// - Parameters:
    ///   - predecessor: the process that called before, whose calls may still count.
    ///   - tick: tasks that sleep by `time` are woken at multiples of it.
    package init(
        limit: Int, margin: CallWindow.Margin, inFlight: Int, predecessor: Predecessor = .unknown,
        tick: Duration = .zero, time: any Timekeeper, log: Log
    ) {
        mostInFlight = inFlight
        self.time = time
        self.log = log
        for command in Command.allCases {
            lines[command] = Line(
                window: CallWindow(
                    limit: limit, margin: margin, now: time.now(), underWay: inFlight,
                    predecessor: predecessor, tick: tick))
        }
    }

    /// Waits until a call of `command` may leave.
    package func permit(_ command: Command, _ urgency: CallUrgency) async throws(GateClosed)
        -> CallPermit
    {
        lastID += 1
        let id = lastID
        enqueue(Waiter(id: id, urgency: urgency), for: command)
        while !isClosed {
            guard lines[command]?.waiters.first?.id == id, inFlight < mostInFlight else {
                await suspend(id, command)
                continue
            }
            let now = time.now()
            switch lines[command]?.window.take(now: now) {
            case .send:
                inFlight += 1
                lines[command]?.waiters.removeFirst()
                noteRestoration(of: command)
                wakeFirst(of: command)
                return CallPermit(command: command, grantedAt: now)
            case .wait(let opening): try? await time.sleep(until: opening)
            case .waitForReply: await suspend(id, command)
            case nil: preconditionFailure("\(command) has no line")
            }
        }
        lines[command]?.waiters.removeAll { $0.id == id }
        throw GateClosed()
    }

    /// Gives a permit back.
    package func ended(_ permit: CallPermit, _ ending: CallWindow.Ending) {
        inFlight -= 1
        lines[permit.command]?.window.ended(ending, sentAt: permit.grantedAt, now: time.now())
        for command in Command.allCases { wakeFirst(of: command) }
    }

    /// The cloud said "too often" to a call: its command's window narrows, or every command's.
    /// - Parameter pause: how long the cloud asks to be left alone; a second at least.
    package func refused(_ permit: CallPermit, code: Int, pause: Duration = .zero) {
        let isAppWide = FailureTable.row(for: code)?.isAppWide ?? false
        for command in isAppWide ? Command.allCases : [permit.command] {
            guard var line = lines[command] else { continue }
            let before = line.window.allowedNow
            if line.window.refused(
                sentAt: permit.grantedAt, now: time.now(), pause: pause),
                !line.isNarrow || line.window.allowedNow != before
            {
                line.isNarrow = true
                log(
                    .windowNarrowed(
                        command: command.rawValue, code: code, allowed: line.window.allowedNow,
                        limit: line.window.limit))
            }
            lines[command] = line
        }
    }

    /// The cloud asks to be left alone, without saying that there were too many calls.
    package func pause(_ command: Command, for span: Duration) {
        lines[command]?.window.pause(until: time.now() + span)
    }

    /// No task gets a permit from now on; those that wait are refused.
    package func close() {
        isClosed = true
        for command in Command.allCases {
            for index in lines[command]?.waiters.indices ?? 0..<0 {
                lines[command]?.waiters[index].continuation.take()?.resume()
            }
        }
    }

    /// Calls of any command that have ended without an answer and may still arrive: the most of one.
    package var lostCalls: LostCalls {
        let now = time.now()
        let lost = lines.values.map { $0.window.lostCalls(now: now) }
        return LostCalls(
            count: lost.map(\.count).max() ?? 0, until: lost.map(\.until).max() ?? now)
    }

    /// Calls a second of `command` as configured.
    package func limit(_ command: Command) -> Int { lines[command]?.window.limit ?? 0 }

    /// Calls a second that the window of `command` allows at present.
    package func allowed(_ command: Command) -> Int { lines[command]?.window.allowedNow ?? 0 }

    private func enqueue(_ waiter: Waiter, for command: Command) {
        var position = lines[command]?.waiters.count ?? 0
        while position > 0, let ahead = lines[command]?.waiters[position - 1],
            waiter.urgency < ahead.urgency
        {
            position -= 1
        }
        lines[command]?.waiters.insert(waiter, at: position)
    }

    private func suspend(_ id: UInt64, _ command: Command) async {
        await withCheckedContinuation { continuation in
            guard !isClosed,
                let index = lines[command]?.waiters.firstIndex(where: { $0.id == id })
            else { return continuation.resume() }
            lines[command]?.waiters[index].continuation = continuation
        }
    }

    private func wakeFirst(of command: Command) {
        guard lines[command]?.waiters.isEmpty == false else { return }
        lines[command]?.waiters[0].continuation.take()?.resume()
    }

    private func noteRestoration(of command: Command) {
        guard let line = lines[command], line.isNarrow,
            line.window.allowedNow == line.window.limit
        else { return }
        lines[command]?.isNarrow = false
        log(.windowRestored(command: command.rawValue, limit: line.window.limit))
    }
}
