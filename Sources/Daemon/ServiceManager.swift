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
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socketPath.utf8)
        // A leading @ stands for the zero byte of an abstract address.
        if path.first == UInt8(ascii: "@") { path[0] = 0 }
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        let text = Array(message.utf8)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = sendto(
                    descriptor, text, text.count, Int32(MSG_NOSIGNAL), pointer, length)
            }
        }
    }
}
