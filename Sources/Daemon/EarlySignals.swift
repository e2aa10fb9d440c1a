import Glibc
import Synchronization

/// SIGHUP before the daemon is ready for it: by default it would end the process, and a service manager
/// may send it as soon as the process is there.
package enum EarlySignals {
    private static let hangups = Atomic(0)

    /// From now on SIGHUP is remembered. Call it before anything else.
    package static func remember() {
        signal(SIGHUP) { _ in _ = EarlySignals.hangups.add(1, ordering: .relaxed) }
    }

    /// Whether SIGHUP came before the daemon listened.
    static var hasHangup: Bool { hangups.load(ordering: .relaxed) > 0 }
}
