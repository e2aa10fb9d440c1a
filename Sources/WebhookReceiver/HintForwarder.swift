import ChatModel
import Dispatch
import EventLog
import HostSystem
import Synchronization
import SyncRules

/// Passes hints on to the daemon from a thread of its own: no callback waits for it. While the daemon is away
/// hints are dropped and counted, and it is tried again with the next one.
final class HintForwarder: Sendable {
    private let queue = DispatchQueue(label: "hints")
    private let line: Mutex<Line>
    private let waiting = Mutex<[HintLine]>([])
    private let undelivered = Atomic(0)

    /// Hints that wait, at most: two seconds of what the daemon takes.
    private static let room = 2 * HintGate.most

    /// The way to the daemon; only the queue uses it.
    fileprivate struct Line {
        let socket: String
        let time: any Timekeeper
        let log: Log
        var failingSince: MonotonicTime?
    }

    init(socket: String, time: any Timekeeper, log: Log) {
        line = Mutex(Line(socket: socket, time: time, log: log))
    }

    /// Hints that the daemon did not take.
    var lost: Int { undelivered.load(ordering: .relaxed) }

    func pass(on hint: HintLine) {
        let isFirst: Bool? = waiting.withLock { hints in
            guard hints.count < Self.room else { return nil }
            hints.append(hint)
            return hints.count == 1
        }
        switch isFirst {
        case nil: undelivered.add(1, ordering: .relaxed)
        case true?: queue.async { [self] in sendWaiting() }
        case false?: break
        }
    }

    /// Waits until what has been given is sent or lost.
    func finish() { queue.sync {} }

    private func sendWaiting() {
        let hints = waiting.withLock { hints in
            defer { hints = [] }
            return hints
        }
        let lost = line.withLock { $0.send(hints) }
        undelivered.add(lost, ordering: .relaxed)
    }
}

extension HintForwarder.Line {
    /// How many hints were lost. Each batch finds the socket again: a daemon that has restarted has another.
    fileprivate mutating func send(_ hints: [HintLine]) -> Int {
        do throws(ProgramFailure) {
            var sender = try HintSender(socket)
            for hint in hints { sender.add(hint) }
            sender.send()
            let lost = sender.lost
            if lost > 0 { fails("it does not read them") } else { works() }
            return lost
        } catch {
            fails(error.problem)
            return hints.count
        }
    }

    private mutating func fails(_ problem: String) {
        guard failingSince == nil else { return }
        failingSince = time.now()
        log(.hintsUndelivered(socket: socket, problem: problem))
    }

    private mutating func works() {
        guard let since = failingSince else { return }
        failingSince = nil
        log(.hintsDelivered(after: time.now() - since))
    }
}
