import Glibc
import MirrorConfiguration

/// The address of a Unix socket: a path.
package struct UnixAddress {
    private var address = sockaddr_un()
    private let length: socklen_t

    /// Bytes of a path that fit.
    package static let longest = MirrorSettings.longestSocketPath

    /// nil when the path is too long.
    package init?(_ path: String) {
        var bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.longest else { return nil }
        // A leading @ stands for the zero byte of an abstract address, as systemd writes it.
        if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    }

    package func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result)
        -> Result
    {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// A socket for datagrams; its descriptor, or -1.
    package static func datagramSocket() -> Int32 {
        socket(
            AF_UNIX,
            Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
                | Int32(SOCK_NONBLOCK.rawValue), 0)
    }

    /// Whether a program takes connections there.
    package var isInUse: Bool {
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return withPointer { connect(descriptor, $0, $1) } == 0
    }
}
