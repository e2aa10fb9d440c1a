import ChatAPI
import ChatModel
import CurlTransport
import EventLog
import MirrorConfiguration
import SyncRules

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
