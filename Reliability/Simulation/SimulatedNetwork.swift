import ChatAPI
import ChatEmulator
import ChatModel
import SyncRules
import TestSupport

// The way to the emulator's core: it takes time, loses calls and replies, and delivers calls that
// their sender has given up.

/// The cloud and the way there.
final class SimulatedNetwork: @unchecked Sendable {
    let core: CloudCore
    let watch: CloudWatch
    private let clock: VirtualClock
    private let diary: WorldDiary
    private let plan: WorldPlan
    private var random: SplitMix
    /// The chance that a call or its reply is lost, that a call arrives late though its sender was
    /// told that the connection broke.
    var losses = 0.0
    /// Nothing arrives.
    var isCut = false
    /// Runs something beside everything else.
    var spawn: (@escaping @Sendable () async -> Void) -> Void = { _ in }

    /// Cloud.md §3: the cloud gives a call up after so long.
    private static let latest = Duration.milliseconds(2900)

    init(_ plan: WorldPlan, clock: VirtualClock, diary: WorldDiary) {
        self.plan = plan
        self.clock = clock
        self.diary = diary
        core = CloudCore(plan.cloud)
        watch = CloudWatch(
            diary, mayOverwrite: plan.policy.conflicts == .localWins, most: plan.limit)
        random = plan.random(11)
        for user in plan.userNames { watch.has(user, core.state(of: user, now: now)) }
    }

    /// The door of one process.
    func door(of process: Int, isDead: @escaping () -> Bool) -> any HTTPTransport {
        Door(network: self, process: process, isDead: isDead)
    }

    private struct Door: HTTPTransport, @unchecked Sendable {
        let network: SimulatedNetwork
        let process: Int
        let isDead: () -> Bool

        func post(path: String, body: [UInt8]) async throws(TransportFailure) -> HTTPReply {
            if isDead() {
                throw TransportFailure(problem: "the process is dead", mayHaveArrived: false)
            }
            return try await network.carry(path, body, process)
        }
    }

    private func carry(_ path: String, _ body: [UInt8], _ process: Int)
        async throws(TransportFailure) -> HTTPReply
    {
        if isCut {
            diary.count("calls without a network")
            await pause(.milliseconds(5))
            throw TransportFailure(problem: "network is unreachable", mayHaveArrived: false)
        }
        switch random.chance() {
        case ..<(losses / 3):
            diary.count("calls lost")
            return try await EmulatorReply.silence.asReceived(pause: pause)
        case ..<(losses * 2 / 3):
            diary.count("calls that came late")
            let delay = Duration.milliseconds(
                Int64.random(in: 0...Self.latest.milliseconds, using: &random))
            spawn {
                await self.pause(delay)
                _ = self.arrive(path, body, process)
            }
            return try await EmulatorReply.reset.asReceived(pause: pause)
        default: break
        }
        await travel()
        let reply = arrive(path, body, process)
        if random.chance() < losses / 3 {
            diary.count("replies lost")
            return try await EmulatorReply.silence.asReceived(pause: pause)
        }
        let received = try await reply.asReceived(pause: pause)
        await travel()
        return received
    }

    private func travel() async {
        let extra = Int64.random(in: 0...max(0, plan.jitter.nanoseconds), using: &random)
        await pause(plan.latency + .nanoseconds(extra))
    }

    private func pause(_ span: Duration) async {
        if span > .zero { try? await clock.sleep(for: span) }
    }

    /// The call reaches the cloud.
    private func arrive(_ path: String, _ body: [UInt8], _ process: Int) -> EmulatorReply {
        let (command, user, isFirstPage) = SimulatedNetwork.heading(path, body)
        watch.arrival(of: command, at: clock.time)
        let now = now
        let before = core.state(of: user, now: now)
        let lies = liesTold
        let reply = core.handle(EmulatorCall(path: path, body: body), now: now)
        let after = core.state(of: user, now: now)
        diary.line("\(clock.time.nanoseconds) cloud \(process) \(command) \(user) \(reply.digest)")
        diary.count("calls")
        if command == "get_contact_group" {
            if isFirstPage { watch.listed(user, by: process, at: clock.time) }
            if liesTold != lies { watch.lied(to: process, about: user) }
            watch.phoneChanged(user, from: before, to: after, at: clock.time)
        } else {
            if before.version != after.version { diary.count("writes done") }
            watch.weWrote(user, by: process, from: before, to: after, at: clock.time)
        }
        return reply
    }

    /// How often the cloud has left something out of a listing.
    private var liesTold: Int {
        let struck = core.faultsStruck
        return ["empty-listing", "omission", "dangling"].reduce(0) { $0 + struck[$1, default: 0] }
    }

    /// A phone changes something.
    func phone(_ user: String) {
        let now = now
        let before = core.state(of: user, now: now)
        core.phoneChange(user: user, now: now.seconds)
        watch.phoneChanged(user, from: before, to: core.state(of: user, now: now), at: clock.time)
        diary.count("changes by phones")
    }

    var now: EmulatorTime {
        EmulatorTime(nanoseconds: clock.time.nanoseconds, seconds: clock.wallTime().seconds)
    }

    /// Command and user of a call, and whether it asks for the first page; read off the bytes, since
    /// the emulator parses them anyway.
    private static func heading(_ path: String, _ body: [UInt8]) -> (String, String, Bool) {
        let head = path.utf8.prefix { $0 != UInt8(ascii: "?") }
        let command = head.reversed().prefix { $0 != UInt8(ascii: "/") }.reversed()
        let user = bytes(after: "\"From_Account\":\"", in: body).prefix { $0 != UInt8(ascii: "\"") }
        let start = bytes(after: "\"StartIndex\":", in: body).prefix { $0 != UInt8(ascii: "}") }
        return (
            String(decoding: Array(command), as: UTF8.self), String(decoding: user, as: UTF8.self),
            start.first == UInt8(ascii: "0")
        )
    }

    private static func bytes(after key: String, in body: [UInt8]) -> ArraySlice<UInt8> {
        let key = Array(key.utf8)
        for start in body.indices.dropLast(key.count) where body[start...].starts(with: key) {
            return body[(start + key.count)...]
        }
        return []
    }
}

extension EmulatorReply {
    /// The reply in a few characters, for the diary.
    fileprivate var digest: String {
        switch self {
        case .reply(let status, let body, _): "\(status) \(WorldDiary.hash(body))"
        case .reset: "reset"
        case .busy(let status, _): "\(status)"
        case .late(let milliseconds, _): "late \(milliseconds)"
        case .silence: "silence"
        }
    }
}
