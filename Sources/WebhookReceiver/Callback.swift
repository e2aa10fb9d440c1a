import ChatModel
import Foundation
import SyncRules

/// What the body of a callback says (Cloud.md, Webhooks).
package enum Callback: Hashable, Sendable {
    /// `State.StateChange`: a user came online or went offline.
    case presence(HintLine)
    /// `Alert.RequestOverLimit`: a command has passed 80 % of its calls a second.
    case nearLimit(command: String, calls: Int64, limit: Int64)
    /// One of the vendor's many others.
    case other

    /// - Throws: what is wrong with it, without a word of its content.
    package init(_ body: [UInt8]) throws(CallbackFault) {
        guard let notice = try? JSONDecoder().decode(Notice.self, from: Data(body)) else {
            throw CallbackFault("its body is no JSON of the vendor's form")
        }
        switch notice.callback {
        case "State.StateChange": self = try Self.presence(notice)
        case "Alert.RequestOverLimit":
            guard let calls = notice.request?.value, let limit = notice.limit?.value else {
                throw CallbackFault("an alarm without Request or Limit")
            }
            self = .nearLimit(command: notice.command ?? "", calls: calls, limit: limit)
        default: self = .other
        }
    }

    private static func presence(_ notice: Notice) throws(CallbackFault) -> Callback {
        guard let info = notice.info else { throw CallbackFault("a StateChange without Info") }
        let kind: Hint
        switch info.action {
        case "Login": kind = .online
        case "Logout", "Disconnect": kind = .offline
        default: return .other
        }
        guard let user = try? UserID(info.user ?? "") else {
            throw CallbackFault("a StateChange whose To_Account is no user id")
        }
        let time = notice.time.map(\.value).flatMap { $0 > 0 ? $0 : nil }
        return .presence(HintLine(kind, user, at: time.map(WallTime.init(milliseconds:))))
    }

    /// The members that are looked at.
    private struct Notice: Decodable {
        let callback: String
        let time: Number?
        let info: StateInfo?
        let command: String?
        let request: Number?
        let limit: Number?

        private enum CodingKeys: String, CodingKey {
            case callback = "CallbackCommand"
            case time = "EventTime"
            case info = "Info"
            case command = "Command"
            case request = "Request"
            case limit = "Limit"
        }
    }

    /// The `Info` of a StateChange.
    private struct StateInfo: Decodable {
        let action: String
        let user: String?

        private enum CodingKeys: String, CodingKey {
            case action = "Action"
            case user = "To_Account"
        }
    }

    /// A whole number, which the vendor writes as a number in some places and as a string in others.
    private struct Number: Decodable {
        let value: Int64

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int64.self) {
                value = number
            } else if let number = Int64(try container.decode(String.self)) {
                value = number
            } else {
                throw CallbackFault("a number is none")
            }
        }
    }
}

/// Why a callback could not be used, in words.
package struct CallbackFault: Error, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
