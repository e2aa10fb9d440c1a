import ChatModel
import EventLog
import Synchronization

/// Keeps a valid usersig of the admin. It is renewed at half its life, when the clock was set
/// back behind it, and when the cloud asks.
package final class Signer: Sendable {
    /// The usersig in use.
    private struct Current {
        var text: String
        var madeAt: WallTime
    }

    package let sdkAppID: Int64
    package let admin: String
    private let key: Mutex<SecretKey>
    private let time: any Timekeeper
    private let log: Log
    private let current = Mutex<Current?>(nil)

    private let lifetime: Duration

    /// The vendor advises against less than a day (Cloud.md §5).
    package static let usualLifetime = Duration.seconds(24 * 3600)

    package init(
        sdkAppID: Int64, admin: String, key: SecretKey, lifetime: Duration = usualLifetime,
        time: any Timekeeper, log: Log
    ) {
        self.lifetime = lifetime
        self.sdkAppID = sdkAppID
        self.admin = admin
        self.key = Mutex(key)
        self.time = time
        self.log = log
        log.redactor.add(key: key.forbiddenText)
    }

    /// A usersig with at least half its life before it.
    package func usersig() throws -> String {
        let now = time.wallTime()
        if let known = current.withLock({ $0 }), known.madeAt <= now,
            now - known.madeAt < lifetime / 2
        {
            return known.text
        }
        return try make(at: now, reason: "age")
    }

    /// Until the usersig in use expires; nil before the first.
    package var expiresIn: Duration? {
        current.withLock { $0 }.map { lifetime - (time.wallTime() - $0.madeAt) }
    }

    /// Signs with another key from now on; false when it is the same.
    package func replace(key new: SecretKey) -> Bool {
        let isNew = key.withLock { key in
            defer { key = new }
            return key.text != new.text
        }
        guard isNew else { return false }
        log.redactor.add(key: new.forbiddenText)
        current.withLock { $0 = nil }
        return true
    }

    /// Makes a new one because the cloud refused `refused` with `code`; does nothing when another
    /// call has done so already.
    package func renew(refused: String, code: Int) throws {
        guard current.withLock({ $0?.text == refused }) else { return }
        _ = try make(at: time.wallTime(), reason: String(code))
    }

    private func make(at now: WallTime, reason: String) throws -> String {
        let text = try UserSig(
            sdkAppID: sdkAppID, identifier: admin, time: now, lifetime: lifetime
        ).text(key: key.withLock { $0 })
        log.redactor.add(signature: text)
        let isFirst = current.withLock { known in
            defer { known = Current(text: text, madeAt: now) }
            return known == nil
        }
        if !isFirst { log(.signatureRenewed(reason: reason)) }
        return text
    }
}
