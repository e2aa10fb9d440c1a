import Foundation
import Glibc

/// Speaks to systemd over the socket it names in the environment (sd_notify's protocol); to no one
/// when there is none.
package final class ServiceManager: Sendable {
    private let socketPath: String?
    /// How long systemd waits for a sign of life; nil when it does not.
    package let watchdog: Duration?

    package init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        socketPath = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        let isMeant = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
        watchdog =
            isMeant
            ? environment["WATCHDOG_USEC"].flatMap { Int64($0) }.map { .microseconds($0) } : nil
    }

    /// The daemon serves; with one line about its state.
    package func ready(_ status: String) { send("READY=1\nSTATUS=\(status)") }
    /// One line about the state, for `systemctl status`.
    package func status(_ text: String) { send("STATUS=\(text)") }
    /// Feeds the watchdog.
    package func alive() { send("WATCHDOG=1") }
    /// The daemon finishes the calls under way.
    package func stopping() { send("STOPPING=1\nSTATUS=finishing the calls under way") }

    /// A reload begins; `ready` ends it.
    package func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
        send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
    }

    /// A datagram that does not arrive is no reason to stop working.
    private func send(_ message: String) {
        guard let socketPath else { return }
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let text = Array(message.utf8)
        _ = UnixAddress(socketPath)?.withPointer {
            sendto(descriptor, text, text.count, Int32(MSG_NOSIGNAL), $0, $1)
        }
    }
}
