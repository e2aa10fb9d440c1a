import Synchronization

// The last door before the world: libcurl's texts quote the URL, and with it the usersig; a gateway may
// quote it percent-encoded; a configuration error may quote a key. Every string that we did not write
// passes here before it reaches a log, an error, the database or a terminal.

/// Replaces secrets in text. It knows the secrets of this process, also in pieces and in other spellings,
/// and a usersig by its shape and by its name.
package final class Redactor: Sendable {
    /// What must not be written, in every spelling that is known.
    private struct Secrets {
        var keys: [String] = [] { didSet { learn() } }
        /// The last few.
        var signatures: [String] = [] { didSet { learn() } }
        /// Those of all of them: a text is looked through once.
        var pieces = SecretPieces()

        private mutating func learn() { pieces = SecretPieces(of: keys + signatures) }
    }

    private let secrets = Mutex(Secrets())

    package static let mask = "[redacted]"
    /// What stands for a text that holds a secret in a form that cannot be cut out.
    package static let dropped = "[redacted: the text held a secret]"

    package init() {}

    /// From now on the key is masked wherever it stands, also after it was replaced by another one.
    /// Short texts are not: they would mask innocent words.
    package func add(key: String) {
        guard key.utf8.count >= 8 else { return }
        secrets.withLock { secrets in
            if !secrets.keys.contains(key) { secrets.keys.append(key) }
        }
    }

    /// From now on the usersig is masked wherever it stands. They are renewed for ever: older ones
    /// are caught by their shape alone.
    package func add(signature: String) {
        secrets.withLock {
            $0.signatures = ($0.signatures + [signature]).suffix(8)
        }
    }

    /// The text without secrets. Whole secrets are masked, as is the value of `usersig=`; where any form
    /// of the rest, decoded as often as it can be, still holds sixteen characters in a row of a secret, or
    /// something of a usersig's shape or name, nothing of the text is left.
    package func clean(_ text: String) -> String {
        guard text.utf8.count >= 8 else { return text }
        let known = secrets.withLock { $0 }
        var text = text
        for secret in known.keys + known.signatures where text.utf8.count >= secret.utf8.count {
            text = Redactor.replacing(secret, in: text)
        }
        text = Redactor.maskingValues(in: text)
        text = Redactor.maskingSignatures(in: text)
        for (layer, form) in DecodedText.forms(of: text).enumerated() {
            // A text that is broken into lines or columns reads on without them.
            let unbroken = form.filter { $0 > 0x20 }
            let isSecret =
                known.pieces.meet(form) || known.pieces.meet(unbroken)
                || layer > 0 && Redactor.looksLikeSignature(form)
            if isSecret { return Redactor.dropped }
        }
        return text
    }

    /// Foreign text as it may be shown: without secrets, and short enough for a line. Cut only then.
    package func cleaned(_ text: String) -> String {
        let clean = clean(text)
        // By scalars: one character may have any number of them.
        guard clean.unicodeScalars.count > Redactor.longest else { return clean }
        return String(clean.unicodeScalars.prefix(Redactor.longest))
    }

    private static let longest = 240

    private static func replacing(_ secret: String, in text: String) -> String {
        let pieces = text.split(separator: secret, omittingEmptySubsequences: false)
        return pieces.count == 1 ? text : pieces.joined(separator: mask)
    }

    // MARK: By name

    private static let name = "usersig="

    /// Masks what follows `usersig=` up to the next parameter, quote or space.
    private static func maskingValues(in text: String) -> String {
        guard text.range(ofBytes: name) != nil else { return text }
        var (clean, rest) = ("", text[...])
        while let range = rest.range(ofBytes: name) {
            clean += rest[..<range.upperBound] + mask
            rest = rest[range.upperBound...].drop { !"& \t\r\n\"'<>".contains($0) }
        }
        return clean + rest
    }

    // MARK: By shape

    /// A usersig is one run of its alphabet (Cloud.md §5), begins with what zlib's header encodes
    /// to (`eJ`, `eN`, `eA`, `eF`), and is never as short as 64.
    private static func maskingSignatures(in text: String) -> String {
        guard text.utf8.count >= 64 else { return text }
        var clean = ""
        var run = ""
        func close() {
            clean += isSignature(run.utf8) ? mask : run
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

    /// Whether a decoded text holds a usersig by its name or its shape.
    private static func looksLikeSignature(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        if let range = text[...].range(ofBytes: name), !text[range.upperBound...].hasPrefix(mask) {
            return true
        }
        return maskingSignatures(in: text) != text
    }

    private static func isSignature(_ run: String.UTF8View) -> Bool {
        run.count >= 64
            && ["eJ", "eN", "eA", "eF"].contains { run.starts(with: $0.utf8) }
    }

    private static func isOfSignature(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", "*", "-", "_": true
        default: false
        }
    }
}

extension Substring {
    /// Where `name` stands, in whatever case.
    fileprivate func range(ofBytes name: String) -> Range<Substring.Index>? {
        let (bytes, length) = (Array(name.utf8), name.utf8.count)
        var start = utf8.startIndex
        while let end = utf8.index(start, offsetBy: length, limitedBy: utf8.endIndex) {
            let isHere = zip(utf8[start..<end], bytes).allSatisfy { $0 | 0x20 == $1 || $0 == $1 }
            if isHere { return start..<end }
            start = utf8.index(after: start)
        }
        return nil
    }
}

extension String {
    fileprivate func range(ofBytes name: String) -> Range<Substring.Index>? {
        self[...].range(ofBytes: name)
    }
}
