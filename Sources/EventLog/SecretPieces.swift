/// Recognises pieces of a secret: sixteen bytes in a row of it, wherever they stand.
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

    let text: String
    private let windows: Set<Window>

    /// A secret that is shorter has no such pieces; it is only known as a whole.
    init(of text: String) {
        self.text = text
        var windows: Set<Window> = []
        SecretPieces.forEachWindow(of: text.utf8) { windows.insert($0) }
        self.windows = windows
    }

    /// Whether sixteen bytes in a row of the secret stand in `bytes`.
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
