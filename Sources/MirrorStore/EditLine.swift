import ChatModel
import Foundation
import SyncRules

/// One line of an import.
package enum EditLine {
    /// A line as it stands in the file.
    private struct Line: Decodable {
        let key: String?
        let user: String
        let op: String
        let group: String?
        let conversations: [Conversation]?
        let newName: String?
        let conversation: Conversation?
        let set: [Bit]?
        let clear: [Bit]?
        let custom: String?
        /// Of all members, to find those that mean nothing.
        let names: [String]

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            key = try fields.decodeIfPresent(String.self, forKey: .key)
            user = try fields.decode(String.self, forKey: .user)
            op = try fields.decode(String.self, forKey: .op)
            group = try fields.decodeIfPresent(String.self, forKey: .group)
            conversations = try fields.decodeIfPresent([Conversation].self, forKey: .conversations)
            newName = try fields.decodeIfPresent(String.self, forKey: .newName)
            conversation = try fields.decodeIfPresent(Conversation.self, forKey: .conversation)
            set = try fields.decodeIfPresent([Bit].self, forKey: .set)
            clear = try fields.decodeIfPresent([Bit].self, forKey: .clear)
            custom = try fields.decodeIfPresent(String.self, forKey: .custom)
            names = try decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue)
        }

        private struct Name: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case key, user, op, group, conversations
            case newName = "new_name"
            case conversation, set, clear, custom
        }

        /// A bit's number, or Tencent's name for it: `"star"`.
        struct Bit: Decodable {
            let text: String

            init(from decoder: any Decoder) throws {
                let value = try decoder.singleValueContainer()
                text =
                    try (try? value.decode(Int.self)).map(String.init) ?? value.decode(String.self)
            }
        }

        /// As an object, `{"type":1,"peer":"bob"}`, or as the command line has it: `"user:bob"`.
        enum Conversation: Decodable {
            case object(type: Int, peer: String)
            case text(String)

            private enum CodingKeys: String, CodingKey { case type, peer }

            init(from decoder: any Decoder) throws {
                if let text = try? decoder.singleValueContainer().decode(String.self) {
                    self = .text(text)
                    return
                }
                let fields = try decoder.container(keyedBy: CodingKeys.self)
                self = .object(
                    type: try fields.decode(Int.self, forKey: .type),
                    peer: try fields.decode(String.self, forKey: .peer))
            }
        }
    }

    /// Which members belong to which operation, besides key, user and op.
    private static let members: [EditOperation.Kind: Set<String>] = [
        .create: ["group", "conversations"], .ensure: ["group", "conversations"],
        .add: ["group", "conversations"],
        .remove: ["group", "conversations"], .rename: ["group", "new_name"], .delete: ["group"],
        .mark: ["conversation", "set", "clear", "custom"],
    ]

    /// Reads a line; throws an `EditFault` when it is none.
    package static func order(_ bytes: some Sequence<UInt8>) throws -> EditOrder {
        let data = Data(bytes)
        guard String(validating: data, as: UTF8.self) != nil else {
            throw EditFault("the line is not UTF-8")
        }
        let line: Line
        do {
            line = try JSONDecoder().decode(Line.self, from: data)
        } catch let error as DecodingError {
            throw EditFault(words(error))
        }
        guard let kind = EditOperation.Kind(rawValue: line.op) else {
            let known = EditOperation.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw EditFault("'\(line.op)' is no operation", advice: "one of \(known)")
        }
        let allowed = members[kind, default: []].union(["key", "user", "op"])
        if let strange = line.names.filter({ !allowed.contains($0) }).min() {
            throw EditFault(
                "\"\(strange)\" means nothing to \(line.op)",
                advice: "it knows " + allowed.sorted().joined(separator: ", "))
        }
        let user: UserID
        do {
            user = try UserID(line.user)
        } catch {
            throw EditFault("\(error)")
        }
        return EditOrder(user: user, key: line.key, operation: try operation(kind, line))
    }

    private static func operation(_ kind: EditOperation.Kind, _ line: Line) throws
        -> EditOperation
    {
        func needed<Value>(_ value: Value?, _ name: String) throws -> Value {
            guard let value else { throw EditFault("\(line.op) needs \"\(name)\"") }
            return value
        }
        func ids() throws -> [ConversationID] {
            try needed(line.conversations, "conversations").map(id)
        }
        func group() throws -> GroupReference {
            GroupReference(id: nil, name: ExactText(try needed(line.group, "group")))
        }
        switch kind {
        case .create: return .create(name: try group().name, try ids())
        case .ensure: return .ensure(name: try group().name, try ids())
        case .add: return .add(try ids(), to: try group())
        case .remove: return .remove(try ids(), from: try group())
        case .rename:
            return .rename(try group(), to: ExactText(try needed(line.newName, "new_name")))
        case .delete: return .delete(try group())
        case .mark:
            return .mark(
                try id(try needed(line.conversation, "conversation")),
                MarkEdit(
                    set: try bits(line.set), clear: try bits(line.clear),
                    custom: line.custom.map { ExactText($0) }))
        }
    }

    private static func id(_ written: Line.Conversation) throws -> ConversationID {
        switch written {
        case .text(let text):
            do {
                return try ConversationID(written: text)
            } catch {
                throw EditFault("\(error)")
            }
        case .object(let type, let peer):
            guard let kind = ConversationID.Kind(rawValue: type) else {
                throw EditFault("\"type\" is \(type)", advice: "1 is a user, 2 is a chat group")
            }
            return ConversationID(kind, ExactText(peer))
        }
    }

    private static func bits(_ bits: [Line.Bit]?) throws -> StandardMark {
        StandardMark(
            numbers: try (bits ?? []).map { bit in
                guard let number = StandardMark.bit(written: bit.text) else {
                    throw EditFault(
                        "mark \(bit.text) is none: 0 to 63, or star, unread, fold, hide")
                }
                return number
            })
    }

    private static func words(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\"\(context.codingPath.last?.stringValue ?? "the line")\" has the wrong type"
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            "\"\(context.codingPath[0].stringValue)\" has the wrong type"
        default: "this is no JSON object"
        }
    }
}
