import Synchronization

// The last door before the world: libcurl's texts quote the URL, and with it the usersig; a
// configuration error may quote a key. Every string that we did not write passes here before it
// reaches a log, an error or the database.

/// Replaces secrets in text. It knows the secrets of this process literally, and a usersig by its
/// shape.
package final class Redactor: Sendable {
    private struct Secrets {
        var keys: [String] = []
        /// The last few.
        var signatures: [String] = []
    }

    private let secrets = Mutex(Secrets())

    package static let mask = "[redacted]"

    package init() {}

    /// From now on the key is masked wherever it stands, also after it was replaced by another one.
    /// Short texts are not: they would mask innocent words.
    package func add(key: String) {
        guard key.utf8.count >= 8 else { return }
        secrets.withLock { if !$0.keys.contains(key) { $0.keys.append(key) } }
    }

    /// From now on the usersig is masked wherever it stands. They are renewed for ever: older ones
    /// are caught by their shape alone.
    package func add(signature: String) {
        secrets.withLock {
            $0.signatures.append(signature)
            if $0.signatures.count > 8 { $0.signatures.removeFirst() }
        }
    }

    package func clean(_ text: String) -> String {
        var text = text
        for secret in secrets.withLock({ $0.keys + $0.signatures })
        where text.utf8.count >= secret.utf8.count {
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
