import CZlib
import ChatModel
import FoundationEssentials

// The signature that every call carries (Cloud.md §5): four lines signed with HMAC-SHA-256, packed
// as JSON, zlib and a base64 whose three special characters are replaced.

/// What a usersig says, and how to make one.
package struct UserSig: Sendable {
    package let sdkAppID: Int64
    /// The account that is signed for, in this program always the admin.
    package let identifier: String
    package let time: WallTime
    package let lifetime: Duration

    package init(sdkAppID: Int64, identifier: String, time: WallTime, lifetime: Duration) {
        self.sdkAppID = sdkAppID
        self.identifier = identifier
        self.time = time
        self.lifetime = lifetime
    }

    private var expire: Int64 { lifetime.components.seconds }

    /// The base64 of the HMAC over the four lines.
    package func signature(key: SecretKey) -> String {
        let signed =
            "TLS.identifier:\(identifier)\nTLS.sdkappid:\(sdkAppID)\n"
            + "TLS.time:\(time.seconds)\nTLS.expire:\(expire)\n"
        let code = hmacSHA256(key: Array(key.text.utf8), message: Array(signed.utf8))
        return Data(code).base64EncodedString()
    }

    /// The whole usersig, as it stands in the URL.
    package func text(key: SecretKey) throws -> String {
        let content = Content(
            version: "2.0", identifier: identifier, sdkAppID: sdkAppID, expire: expire,
            time: time.seconds, signature: signature(key: key))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let packed = deflated(Array(try encoder.encode(content)))
        return Data(packed).base64EncodedString()
            .replacing("+", with: "*").replacing("/", with: "-").replacing("=", with: "_")
    }

    /// The JSON inside a usersig.
    private struct Content: Encodable {
        let version: String
        let identifier: String
        let sdkAppID: Int64
        let expire: Int64
        let time: Int64
        let signature: String

        enum CodingKeys: String, CodingKey {
            case version = "TLS.ver"
            case identifier = "TLS.identifier"
            case sdkAppID = "TLS.sdkappid"
            case expire = "TLS.expire"
            case time = "TLS.time"
            case signature = "TLS.sig"
        }
    }
}

/// A zlib stream (RFC 1950) of `bytes`.
private func deflated(_ bytes: [UInt8]) -> [UInt8] {
    var length = compressBound(uLong(bytes.count))
    var packed = [UInt8](repeating: 0, count: Int(length))
    let result = compress2(&packed, &length, bytes, uLong(bytes.count), Z_DEFAULT_COMPRESSION)
    precondition(result == Z_OK, "zlib could not pack \(bytes.count) bytes: \(result)")
    return Array(packed.prefix(Int(length)))
}
