import ChatAPI
import ChatEmulator
import ChatModel
import Synchronization

/// The emulator's core behind the program's own door to the network, without a network.
package final class EmulatedCloud: HTTPTransport {
    private struct Box: @unchecked Sendable {
        let core: CloudCore
    }

    private let core: Mutex<Box>
    private let time: any Timekeeper
    private let latency: Duration
    private let calls = Mutex<[MonotonicTime]>([])

    package init(_ options: EmulatorOptions = .small, faults: [Fault] = [], time: any Timekeeper) {
        core = Mutex(Box(core: CloudCore(options, faults: faults)))
        self.time = time
        latency = .milliseconds(options.latency)
    }

    package func post(path: String, body: [UInt8]) async throws(TransportFailure) -> HTTPReply {
        calls.withLock { $0.append(time.now()) }
        let reply = core.withLock { $0.core.handle(EmulatorCall(path: path, body: body), now: now) }
        if latency > .zero { try? await time.sleep(for: latency) }
        return try await reply.asReceived(date: date) { span in try? await time.sleep(for: span) }
    }

    /// By the emulator's clock.
    private var date: WallTime {
        WallTime(seconds: now.seconds + core.withLock { $0.core.options.clockSkew })
    }

    private var now: EmulatorTime {
        EmulatorTime(nanoseconds: time.now().nanoseconds, seconds: time.wallTime().seconds)
    }

    /// Calls that came so far.
    package var callCount: Int { callTimes.count }

    /// When each call came.
    package var callTimes: [MonotonicTime] { calls.withLock { $0 } }

    package func with<Value: Sendable>(_ body: @Sendable (CloudCore) -> Value) -> Value {
        core.withLock { body($0.core) }
    }

    package func churn(_ count: Int) {
        core.withLock { $0.core.churn(count, now: now) }
    }

    package func setFaults(_ faults: [Fault]) {
        core.withLock { $0.core.set(faults) }
    }

    /// What every user really has.
    package var truth: [UserID: Snapshot] {
        core.withLock { Self.truth(of: $0.core, now: now) }
    }

    /// What every user of an emulated cloud really has, without the conversations that say nothing.
    package static func truth(of core: CloudCore, now: EmulatorTime) -> [UserID: Snapshot] {
        var truth: [UserID: Snapshot] = [:]
        for name in CloudCore.userNames(core.options.users) {
            guard let user = try? UserID(name) else { continue }
            truth[user] = Snapshot(core.state(of: name, now: now))
        }
        return truth
    }
}

extension Snapshot {
    fileprivate init(_ user: CloudUser) {
        self.init(
            groups: user.groups.map { group in
                ConversationGroup(id: GroupID(group.id), name: ExactText(group.name))
            },
            conversations: user.contacts.filter { !$0.value.isBare }.map { id, contact in
                Conversation(
                    id: ConversationID(id.type == 1 ? .user : .chatGroup, ExactText(id.peer)),
                    groups: contact.groups.map { GroupID($0) },
                    standardMark: StandardMark(bits: contact.bits),
                    customMark: ExactText(contact.custom), updatedAt: contact.updatedAt)
            })
    }
}

extension EmulatorReply {
    /// What a client gets of it, once it has waited.
    /// - Parameter date: what the reply's `Date` says.
    package func asReceived(date: WallTime? = nil, pause: (Duration) async -> Void)
        async throws(TransportFailure) -> HTTPReply
    {
        switch self {
        case .reply(let status, let body, _):
            return HTTPReply(status: status, body: body, date: date)
        case .busy(let status, let seconds):
            return HTTPReply(
                status: status, body: [], retryAfter: .seconds(seconds), date: date)
        case .reset: throw TransportFailure(problem: "connection reset", mayHaveArrived: true)
        case .late(let milliseconds, let body):
            await pause(.milliseconds(Int64(milliseconds)))
            return HTTPReply(status: 200, body: body, date: date)
        case .silence:
            await pause(.seconds(10))
            throw TransportFailure(problem: "no answer within 10 s", mayHaveArrived: true)
        }
    }
}

extension EmulatorOptions {
    /// Twenty users.
    package static var small: EmulatorOptions {
        var options = EmulatorOptions()
        options.users = 20
        return options
    }
}
