import ChatAPI
import ChatModel
import CurlTransport
import EventLog
import MirrorConfiguration
import SyncRules
import HostSystem

/// One call to see whether the cloud takes them: `check --online`.
package enum CloudProbe {
    /// Asks for a user's first page. Returns when the cloud accepts the app, even if it does not
    /// know the user; throws what it said otherwise. The caller holds the lock.
    package static func run(
        _ settings: MirrorSettings, key: SecretKey, user: UserID, log: Log
    ) async throws(ProgramFailure) {
        do {
            try await call(settings, key, user, log)
        } catch {
            throw ProgramFailure(error)
        }
    }

    /// Asks the cloud's host for nothing, without a signature and without a command: no call is counted. Returns by how
    /// much this machine's clock is ahead of the host's, to the second; nil when it does not say its time.
    package static func clockDifference(_ settings: MirrorSettings) async throws(TransportFailure)
        -> Duration?
    {
        let transport = CurlTransport(Instance.curlSettings(settings))
        defer { transport.close() }
        let reply = try await transport.post(path: "/", body: [])
        guard let date = reply.date else { return nil }
        let difference = SystemTimekeeper().wallTime() - date
        // The host's time is cut to whole seconds.
        return difference < .seconds(1) && difference > .zero ? .zero : difference
    }

    private static func call(
        _ settings: MirrorSettings, _ key: SecretKey, _ user: UserID, _ log: Log
    ) async throws {
        let time = SystemTimekeeper()
        let signer = Signer(
            sdkAppID: settings.sdkAppID, admin: settings.admin.string,
            key: key, lifetime: settings.usersigLifetime, time: time, log: log)
        let transport = CurlTransport(Instance.curlSettings(settings))
        defer { transport.close() }
        let gate = CallGate(limit: 1, margin: .none, inFlight: 1, time: time, log: log)
        let cloud = Instance.cloud(transport, signer, gate, CallCounters(), time, log)
        do {
            _ = try await cloud.page(
                of: user, from: 0, known: nil, turn: .wait(.starting))
        } catch {
            if error.kind == .notImported { return }
            throw error
        }
    }
}
