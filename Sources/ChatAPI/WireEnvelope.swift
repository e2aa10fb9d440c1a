import FoundationEssentials
import SyncRules

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

/// A whole number, however it is spelt: `5`, `"5"`, `5.0`, `true`. The field tables of the API are
/// unreliable about types (Cloud.md §1.3).
struct WireNumber: Decodable, Hashable, Sendable {
    let value: Int64

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int64.self) {
            value = number
        } else if let number = (try? container.decode(Double.self)).flatMap(Int64.init(exactly:)) {
            value = number
        } else if let flag = try? container.decode(Bool.self) {
            value = flag ? 1 : 0
        } else if let number = (try? container.decode(String.self)).flatMap({ Int64($0) }) {
            value = number
        } else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "which is no whole number")
        }
    }
}

/// A text that may come as a number: an id of digits alone.
struct WireText: Decodable, Hashable, Sendable {
    let value: String

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            value = text
        } else if let number = try? container.decode(Int64.self) {
            value = String(number)
        } else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "which is no text")
        }
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
        throw .unreadable(error.fault(in: bytes))
    } catch {
        throw .unreadable("it is not JSON")
    }
}

extension DecodingError {
    /// One line: which field, what it holds, and what it should hold.
    fileprivate func fault(in reply: [UInt8]) -> String {
        switch self {
        case .keyNotFound(let key, let context):
            return "\(context.codingPath.asPlace) lacks \(key.stringValue)"
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            return fault(at: context.codingPath, "which is no \(Self.word(for: type))", reply)
        case .dataCorrupted(let context):
            return context.codingPath.isEmpty
                ? "it is not JSON" : fault(at: context.codingPath, context.debugDescription, reply)
        @unknown default: return "it is not the API's"
        }
    }

    private func fault(at path: [any CodingKey], _ problem: String, _ reply: [UInt8]) -> String {
        let root = try? JSONDecoder().decode(WireValue.self, from: Data(reply))
        let value = path.reduce(root) { value, key in value?[key] }
        return "\(path.asPlace) is \(value?.shown ?? "something else"), \(problem)"
    }

    private static func word(for type: any Any.Type) -> String {
        switch type {
        case is String.Type: "text"
        case is any BinaryInteger.Type, is any BinaryFloatingPoint.Type: "number"
        case is [Any].Type: "list"
        default: "object"
        }
    }
}

extension [any CodingKey] {
    /// `ContactItem.3.Timestamp`; of nothing: `the object`.
    fileprivate var asPlace: String {
        isEmpty
            ? "the object"
            : map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }
}

/// Any JSON, for the words of a fault alone.
private enum WireValue: Decodable {
    case members([String: WireValue])
    case elements([WireValue])
    case text(String)
    case number(Double)
    case flag(Bool)
    case null

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let elements = try? container.decode([WireValue].self) {
            self = .elements(elements)
        } else {
            self = .members(try container.decode([String: WireValue].self))
        }
    }

    subscript(key: any CodingKey) -> WireValue? {
        switch self {
        case .members(let members): members[key.stringValue]
        case .elements(let elements):
            key.intValue.flatMap { elements.indices.contains($0) ? elements[$0] : nil }
        default: nil
        }
    }

    /// Short enough for a line of the log.
    var shown: String {
        switch self {
        case .members: "an object"
        case .elements: "a list"
        case .text(let text): "'\(String(text.unicodeScalars.prefix(40)))'"
        case .number(let number):
            Int64(exactly: number).map(String.init) ?? String(number)
        case .flag(let flag): String(flag)
        case .null: "null"
        }
    }
}
