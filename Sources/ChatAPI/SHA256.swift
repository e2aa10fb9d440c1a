import COpenSSL
import ChatModel

extension Digest {
    /// The SHA-256 of some bytes.
    package static func of(_ bytes: [UInt8]) -> Digest {
        var hash = [UInt8](repeating: 0, count: byteCount)
        _ = COpenSSL.SHA256(bytes, bytes.count, &hash)
        return make(hash)
    }

    /// The digest of a listing of several pages: of its pages' digests, in their order.
    package static func ofPages(_ pages: [Digest]) -> Digest {
        pages.count == 1 ? pages[0] : of(pages.flatMap(\.bytes))
    }

    private static func make(_ hash: [UInt8]) -> Digest {
        guard let digest = Digest(hash) else {
            preconditionFailure("SHA-256 gave \(hash.count) bytes")
        }
        return digest
    }
}

/// HMAC-SHA-256 of `message` under `key`, 32 bytes.
func hmacSHA256(key: [UInt8], message: [UInt8]) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: Digest.byteCount)
    var length: UInt32 = 0
    let made = HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &code, &length)
    precondition(made != nil && length == UInt32(Digest.byteCount), "libcrypto made no HMAC")
    return code
}
