import Foundation

/// A port of this machine that is kept free: nobody listens there, and nobody else gets it for as
/// long as this lives, but for a program that binds it with SO_REUSEPORT.
package final class LoopbackPort: Sendable {
    /// A host that has no address, which the resolver knows without asking anybody: no label of a
    /// name may be longer than 63 bytes.
    package static let noHost = String(repeating: "x", count: 64) + ".invalid"

    package let number: UInt16
    private let descriptor: Int32

    package init() throws { (descriptor, number) = try LoopbackPort.bind(canBeShared: true) }

    deinit { close(descriptor) }

    /// A socket that is bound to a port that was free.
    static func bind(canBeShared: Bool) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = canBeShared ? 1 : 0
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEPORT, &yes, socklen_t(MemoryLayout.size(ofValue: yes)))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Glibc.bind(descriptor, pointer, length) == 0
                    && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard bound else { throw NeverHappened(what: "a free port") }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }
}
