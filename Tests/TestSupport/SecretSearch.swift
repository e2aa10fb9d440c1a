import Foundation

/// Looks for secrets in everything that tests leave: output, logs, arguments, environments, files.
/// Every key of ours is made up and says so; a usersig is known by its shape.
package enum SecretSearch {
    /// What every key in the tests, and the emulator's own, begins with.
    private static let canary = Array("made-up-".utf8)
    /// The first bytes of anything that zlib has compressed, in base 64.
    private static let usersig = Array("eJ".utf8)
    /// No usersig is shorter.
    private static let shortest = 64

    /// What is found, in words; nil when nothing is.
    package static func finding(in bytes: [UInt8]) -> String? {
        bytes.withUnsafeBytes { bytes in
            if position(of: canary, in: bytes[...]) != nil { return "a key" }
            var rest = bytes[...]
            while let start = position(of: usersig, in: rest) {
                let length = rest[start...].prefix(while: isSignature).count
                if length >= shortest { return "a usersig" }
                rest = rest[(start + max(1, length))...]
            }
            return nil
        }
    }

    /// Ends the program when there is a secret in `bytes`: no test can overlook that.
    package static func expectNone(in bytes: [UInt8], of what: @autoclosure () -> String) {
        if let finding = finding(in: bytes) { fatalError("\(finding) is in \(what())") }
    }

    package static func expectNone(in text: String, of what: @autoclosure () -> String) {
        expectNone(in: Array(text.utf8), of: what())
    }

    /// Looks through every file of a directory but the files of keys.
    package static func expectNone(inFilesOf directory: String) {
        let names = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String }
        for name in names ?? [] where !isFileOfAKey(name) {
            guard let data = FileManager.default.contents(atPath: directory + "/" + name) else {
                continue
            }
            expectNone(in: Array(data), of: "the file \(name) of a test")
        }
    }

    /// The names that tests give to files of keys and tokens.
    private static func isFileOfAKey(_ name: String) -> Bool {
        ["secret.key", "secret_key", "webhook.token"].contains { name.hasSuffix($0) }
    }

    private static func position(of word: [UInt8], in bytes: Slice<UnsafeRawBufferPointer>) -> Int?
    {
        guard let base = bytes.base.baseAddress, let first = word.first else { return nil }
        var start = bytes.startIndex
        while bytes.endIndex - start >= word.count,
            let found = memchr(base + start, Int32(first), bytes.endIndex - start - word.count + 1)
        {
            start = UnsafeRawPointer(found) - base
            if memcmp(found, word, word.count) == 0 { return start }
            start += 1
        }
        return nil
    }

    /// The letters of the vendor's own base 64.
    private static func isSignature(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "*"), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
