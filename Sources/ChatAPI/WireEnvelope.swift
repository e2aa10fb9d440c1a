import FoundationEssentials

/// What every reply has around its content (Cloud.md §1.3), and the two fields of paging, so that a
/// page needs no decoding of its items to find the next.
package struct WireEnvelope: Decodable, Sendable {
    let status: String
    package let code: Int
    private let info: String?
    private let completeFlag: WireNumber?
    private let nextStartIndex: WireNumber?

    private enum CodingKeys: String, CodingKey {
        case status = "ActionStatus"
        case code = "ErrorCode"
        case info = "ErrorInfo"
        case completeFlag = "CompleteFlag"
        case nextStartIndex = "NextStartIndex"
    }

    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        status = try fields.decode(String.self, forKey: .status)
        code = Int(try fields.decode(WireNumber.self, forKey: .code).value)
        info = try? fields.decodeIfPresent(String.self, forKey: .info)
        completeFlag = try fields.decodeIfPresent(WireNumber.self, forKey: .completeFlag)
        nextStartIndex = try fields.decodeIfPresent(WireNumber.self, forKey: .nextStartIndex)
    }

    /// Reads a reply that must be one of the API.
    init(reply bytes: [UInt8]) throws(CallFailure) {
        self = try decodedReply(bytes)
        guard (status == "OK") == (code == 0) else {
            throw .unreadable("it says \(status) with code \(code)")
        }
    }

    /// The failure that a code other than 0 is.
    var failure: CallFailure {
        CallFailure(
            kind: FailureTable.kind(of: code), code: code,
            problem: FailureTable.words(code, info),
            advice: FailureTable.row(for: code)?.advice ?? "")
    }

    /// Whether the page is the last. Anything but 0 and 1 is no answer: never taken for "done"
    /// (Cloud.md §2).
    func isLastPage() throws(CallFailure) -> Bool {
        switch completeFlag?.value {
        case 1: return true
        case 0: return false
        case let flag?: throw .unreadable("its CompleteFlag is \(flag)")
        case nil: throw .unreadable("it has no CompleteFlag")
        }
    }

    var next: Int64? { nextStartIndex?.value }
}

/// A number that may come as a string: the field tables of the API are unreliable about types
/// (Cloud.md §1.3).
struct WireNumber: Decodable, Hashable, Sendable {
    let value: Int64

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int64.self) {
            value = number
            return
        }
        let text = try container.decode(String.self)
        guard let number = Int64(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text.prefix(40))' is no whole number")
        }
        value = number
    }
}

extension CallFailure {
    /// A reply that lies, is cut off or is not the API's: a passing failure that changes nothing.
    static func unreadable(_ fault: String) -> CallFailure {
        CallFailure(
            kind: .transient, problem: "the reply cannot be read: \(fault)", isAnswered: true)
    }
}

/// Decodes a reply strictly: UTF-8 and JSON.
func decodedReply<Content: Decodable>(_ bytes: [UInt8]) throws(CallFailure) -> Content {
    if bytes.isEmpty { throw .unreadable("it is empty") }
    guard String(validating: bytes, as: UTF8.self) != nil else {
        throw .unreadable("it is not UTF-8")
    }
    do {
        return try JSONDecoder().decode(Content.self, from: Data(bytes))
    } catch let error as DecodingError {
        throw .unreadable(error.fault)
    } catch {
        throw .unreadable("it is not JSON")
    }
}

extension DecodingError {
    /// One line: where and what, without the content.
    fileprivate var fault: String {
        switch self {
        case .keyNotFound(let key, let context): "\(context.place) lacks \(key.stringValue)"
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            "\(context.place) is no \(type)"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty ? "it is not JSON" : "\(context.place) is wrong"
        @unknown default: "it is not the API's"
        }
    }
}

extension DecodingError.Context {
    fileprivate var place: String {
        codingPath.isEmpty
            ? "the object"
            : codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
                .joined(separator: ".")
    }
}
