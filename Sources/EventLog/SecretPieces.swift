/// Recognises pieces of secrets: sixteen bytes in a row of one, wherever they stand.
struct SecretPieces: Sendable {
    static let length = 16

    /// Sixteen bytes.
    private struct Window: Hashable, Sendable {
        var high: UInt64 = 0
        var low: UInt64 = 0

        mutating func push(_ byte: UInt8) {
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(byte)
        }
    }

    private let windows: Set<Window>

    /// Secrets that are shorter have no such pieces; they are only known as a whole.
    init(of secrets: [String] = []) {
        var windows: Set<Window> = []
        for secret in secrets {
            SecretPieces.forEachWindow(of: secret.utf8) { windows.insert($0) }
        }
        self.windows = windows
    }

    /// Whether sixteen bytes in a row of a secret stand in `bytes`.
    func meet(_ bytes: some Sequence<UInt8>) -> Bool {
        guard !windows.isEmpty else { return false }
        var isMet = false
        SecretPieces.forEachWindow(of: bytes) { if windows.contains($0) { isMet = true } }
        return isMet
    }

    private static func forEachWindow(
        of bytes: some Sequence<UInt8>, _ each: (Window) -> Void
    ) {
        var (window, count) = (Window(), 0)
        for byte in bytes {
            window.push(byte)
            count += 1
            if count >= length { each(window) }
        }
    }
}
