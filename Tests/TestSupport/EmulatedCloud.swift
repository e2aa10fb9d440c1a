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
    private let calls = Mutex<[MonotonicTime]>([])

    package init(_ options: EmulatorOptions = .small, faults: [Fault] = [], time: any Timekeeper) {
        core = Mutex(Box(core: CloudCore(options, faults: faults)))
        self.time = time
    }

    package func post(path: String, body: [UInt8]) async throws(TransportFailure) -> HTTPReply {
        calls.withLock { $0.append(time.now()) }
        let reply = core.withLock { $0.core.handle(EmulatorCall(path: path, body: body), now: now) }
        return try await reply.asReceived { span in try? await time.sleep(for: span) }
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

    /// What every user of an emulated cloud really has.
    package static func truth(of core: CloudCore, now: EmulatorTime) -> [UserID: Snapshot] {
        var lines: [[UInt8]] = []
        core.export(now: now) { lines.append($0) }
        return Dictionary(
            uniqueKeysWithValues: lines.compactMap { JSON(parsing: $0) }.compactMap(Self.read))
    }

    private static func read(_ json: JSON) -> (UserID, Snapshot)? {
        guard let name = json["user"]?.string, let user = try? UserID(name) else { return nil }
        let groups = (json["groups"]?.array ?? []).map { group in
            ConversationGroup(
                id: GroupID(group["id"]?.number ?? 0),
                name: ExactText(group["name"]?.string ?? ""))
        }
        let conversations = (json["conversations"]?.array ?? []).map { item in
            Conversation(
                id: ConversationID(
                    item["type"]?.number == 1 ? .user : .chatGroup,
                    ExactText(item["peer"]?.string ?? "")),
                groups: (item["groups"]?.array ?? []).compactMap(\.number).map { GroupID($0) },
                standardMark: StandardMark(
                    bits: UInt64(item["standard_mark"]?.string ?? "") ?? 0),
                customMark: ExactText(item["custom_mark"]?.string ?? ""),
                updatedAt: item["updated_at"]?.number ?? 0)
        }
        return (user, Snapshot(groups: groups, conversations: conversations))
    }
}

extension EmulatorReply {
    /// What a client gets of it, once it has waited.
    package func asReceived(pause: (Duration) async -> Void) async throws(TransportFailure)
        -> HTTPReply
    {
        switch self {
        case .reply(let status, let body, _): return HTTPReply(status: status, body: body)
        case .reset: throw TransportFailure(problem: "connection reset", mayHaveArrived: true)
        case .late(let milliseconds, let body):
            await pause(.milliseconds(Int64(milliseconds)))
            return HTTPReply(status: 200, body: body)
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
