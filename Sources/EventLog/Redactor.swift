import Synchronization

// The last door before the world: libcurl's texts quote the URL, and with it the usersig; a
// configuration error may quote a key. Every string that we did not write passes here before it
// reaches a log, an error or the database.

/// Replaces secrets in text. It knows the secrets of this process literally, and a usersig by its
/// shape.
package final class Redactor: Sendable {
    private let secrets = Mutex<[String]>([])

    package static let mask = "[redacted]"

    package init() {}

    /// From now on `secret` is masked wherever it stands. Short texts are not: they would mask
    /// innocent words.
    package func add(_ secret: String) {
        guard secret.utf8.count >= 8 else { return }
        secrets.withLock { known in
            if !known.contains(secret) { known.append(secret) }
            // Signatures are renewed for ever; the older ones are caught by their shape.
            if known.count > 8 { known.remove(at: 1) }
        }
    }

    package func clean(_ text: String) -> String {
        var text = text
        for secret in secrets.withLock({ $0 }) where text.utf8.count >= secret.utf8.count {
            text = Redactor.replacing(secret, in: text)
        }
        return Redactor.maskingSignatures(in: text)
    }

    private static func replacing(_ secret: String, in text: String) -> String {
        let pieces = text.split(separator: secret, omittingEmptySubsequences: false)
        return pieces.count == 1 ? text : pieces.joined(separator: mask)
    }

    /// A usersig is one run of its alphabet (Cloud.md §5), begins with what zlib's header encodes
    /// to (`eJ`, `eN`, `eA`, `eF`), and is never as short as 64.
    private static func maskingSignatures(in text: String) -> String {
        guard text.utf8.count >= 64 else { return text }
        var clean = ""
        var run = ""
        func close() {
            let isSignature =
                run.utf8.count >= 64
                && ["eJ", "eN", "eA", "eF"].contains { run.hasPrefix($0) }
            clean += isSignature ? mask : run
            run = ""
        }
        for character in text.unicodeScalars {
            if isOfSignature(character) {
                run.unicodeScalars.append(character)
            } else {
                close()
                clean.unicodeScalars.append(character)
            }
        }
        close()
        return clean
    }

    private static func isOfSignature(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "*", "-", "_": true
        default: false
        }
    }
}
