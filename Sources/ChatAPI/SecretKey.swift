import ChatModel

/// The app's secret, as the Chat console shows it. It has no description that could print it; only
/// signing reads it.
package struct SecretKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    let text: String

    /// Takes the whole of a key file: one line, with or without its line feed.
    package init(contents: String) throws(MalformedKey) {
        let text = String(
            contents.drop(while: \.isWhitespace).dropLast(while: \.isWhitespace))
        if text.isEmpty { throw MalformedKey(fault: "it is empty") }
        if text.utf8.count > 256 {
            throw MalformedKey(fault: "it has \(text.utf8.count) bytes; a key has 64 or so")
        }
        if text.contains(where: \.isWhitespace) {
            throw MalformedKey(fault: "it has more than one word; it must hold the key alone")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw MalformedKey(fault: "it holds bytes that are not printable ASCII")
        }
        self.text = text
    }

    package var description: String { "secret key" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// For the redactor alone: what must never be printed.
    package var forbiddenText: String { text }
}

/// What is wrong with a key file, without a word of its content.
package struct MalformedKey: Error {
    package let fault: String
}
