import COpenSSL
import CZlib
import FoundationEssentials

// The gateway's side of a usersig (Cloud.md §5): unpack it, compare what it says, compute the HMAC.

/// Checks signatures; remembers those that verified, so that a call costs no unpacking.
struct UserSigCheck {
    private let sdkAppID: Int64
    private let key: String
    private var verified: [String: Content] = [:]

    /// The JSON inside a usersig.
    private struct Content: Decodable {
        let identifier: String
        let sdkAppID: Int64
        let expire: Int64
        let time: Int64
        let signature: String

        enum CodingKeys: String, CodingKey {
            case identifier = "TLS.identifier"
            case sdkAppID = "TLS.sdkappid"
            case expire = "TLS.expire"
            case time = "TLS.time"
            case signature = "TLS.sig"
        }
    }

    init(sdkAppID: Int64, key: String) {
        self.sdkAppID = sdkAppID
        self.key = key
    }

    /// The code of what is wrong; 0 when nothing is. `now`: unix seconds.
    mutating func code(of usersig: String, identifier: String, sdkAppID: Int64, now: Int64) -> Int {
        guard let content = verified[usersig] ?? UserSigCheck.unpack(usersig) else { return 70003 }
        if content.sdkAppID != sdkAppID || sdkAppID != self.sdkAppID { return 70014 }
        if content.identifier != identifier { return 70013 }
        if verified[usersig] == nil {
            guard isSigned(content) else { return 70009 }
            if verified.count > 1000 { verified = [:] }
            verified[usersig] = content
        }
        return now < content.time + content.expire ? 0 : 70001
    }

    private func isSigned(_ content: Content) -> Bool {
        let text =
            "TLS.identifier:\(content.identifier)\nTLS.sdkappid:\(content.sdkAppID)\n"
            + "TLS.time:\(content.time)\nTLS.expire:\(content.expire)\n"
        var code = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        let keyBytes = Array(key.utf8)
        let textBytes = Array(text.utf8)
        _ = HMAC(
            EVP_sha256(), keyBytes, Int32(keyBytes.count), textBytes, textBytes.count, &code,
            &length)
        guard let given = Data(base64Encoded: content.signature), given.count == code.count else {
            return false
        }
        return CRYPTO_memcmp(Array(given), code, code.count) == 0
    }

    private static func unpack(_ usersig: String) -> Content? {
        let base64 = usersig.replacing("*", with: "+").replacing("-", with: "/")
            .replacing("_", with: "=")
        guard usersig.utf8.count < 4096, let packed = Data(base64Encoded: base64) else {
            return nil
        }
        var length = uLong(8192)
        var bytes = [UInt8](repeating: 0, count: Int(length))
        guard uncompress(&bytes, &length, Array(packed), uLong(packed.count)) == Z_OK else {
            return nil
        }
        return try? JSONDecoder().decode(Content.self, from: Data(bytes.prefix(Int(length))))
    }
}
