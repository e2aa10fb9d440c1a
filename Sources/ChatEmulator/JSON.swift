import FoundationEssentials

/// A JSON value as the emulator takes and gives it: replies keep the order of their members, as the
/// vendor's samples do.
package enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(Int64)
    case string(String)
    case array([JSON])
    case object([Member])

    /// A name and its value.
    package struct Member: Sendable, Hashable {
        package let key: String
        package let value: JSON
    }

    /// An object with these members, in their order; those without a value are left out.
    package static func members(_ members: KeyValuePairs<String, JSON?>) -> JSON {
        .object(members.compactMap { key, value in value.map { Member(key: key, value: $0) } })
    }

    /// An object with one more member at its end; anything else as it is.
    package func adding(_ key: String, _ value: JSON) -> JSON {
        guard case .object(let members) = self else { return self }
        return .object(members + [Member(key: key, value: value)])
    }

    package subscript(key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    package var string: String? {
        if case .string(let string) = self { string } else { nil }
    }

    package var number: Int64? {
        if case .number(let number) = self { number } else { nil }
    }

    package var array: [JSON]? {
        if case .array(let array) = self { array } else { nil }
    }

    // MARK: Writing

    /// The document with the escapes of `groupmirror export`: besides RFC 8259's also what could move
    /// the cursor of a terminal or turn its text around.
    package var exportBytes: [UInt8] {
        let plain = bytes
        // The first bytes of what is looked for.
        let marks: Set<UInt8> = [0x7F, 0xC2, 0xE2, 0xEF, 0xF3]
        guard plain.contains(where: marks.contains) else { return plain }
        var escaped: [UInt8] = []
        for scalar in String(decoding: plain, as: UTF8.self).unicodeScalars {
            guard JSON.isHidden(scalar) else {
                escaped += Array(String(scalar).utf8)
                continue
            }
            for unit in String(scalar).utf16 {
                let digits = String(unit, radix: 16)
                escaped += Array(("\\u" + String(repeating: "0", count: 4 - digits.count)).utf8)
                escaped += Array(digits.utf8)
            }
        }
        return escaped
    }

    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x7F..<0xA0, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF,
            0xE0000...0xE007F:
            true
        default: false
        }
    }

    /// Compact, UTF-8.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return bytes
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += Array("null".utf8)
        case .bool(let bool): bytes += Array((bool ? "true" : "false").utf8)
        case .number(let number): bytes += Array(String(number).utf8)
        case .string(let string): JSON.write(string, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (position, element) in elements.enumerated() {
                if position > 0 { bytes.append(UInt8(ascii: ",")) }
                element.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (position, member) in members.enumerated() {
                if position > 0 { bytes.append(UInt8(ascii: ",")) }
                JSON.write(member.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// RFC 8259: quotes, backslashes and controls are escaped, nothing else.
    private static func write(_ string: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes += Array("\\\"".utf8)
            case UInt8(ascii: "\\"): bytes += Array("\\\\".utf8)
            case UInt8(ascii: "\n"): bytes += Array("\\n".utf8)
            case UInt8(ascii: "\r"): bytes += Array("\\r".utf8)
            case UInt8(ascii: "\t"): bytes += Array("\\t".utf8)
            case 0..<0x20:
                bytes += Array("\\u00".utf8) + Array((byte < 16 ? "0" : "").utf8)
                bytes += Array(String(byte, radix: 16).utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension JSON: Decodable {
    /// Any name.
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        // The frequent ones first: each refusal makes an error, which costs more than the value.
        if let string = try? value.decode(String.self) {
            self = .string(string)
        } else if let number = try? value.decode(Int64.self) {
            self = .number(number)
        } else if let fields = try? decoder.container(keyedBy: Key.self) {
            // Sorted: the decoder gives them in the order of a hash table.
            self = .object(
                try fields.allKeys.sorted { $0.stringValue < $1.stringValue }.map {
                    Member(
                        key: $0.stringValue, value: try fields.decode(JSON.self, forKey: $0))
                })
        } else if var elements = try? decoder.unkeyedContainer() {
            var array: [JSON] = []
            while !elements.isAtEnd { array.append(try elements.decode(JSON.self)) }
            self = .array(array)
        } else if value.decodeNil() {
            self = .null
        } else {
            self = .bool(try value.decode(Bool.self))
        }
    }

    /// Reads a document; nil when it is not JSON.
    package init?(parsing bytes: [UInt8]) {
        guard let json = try? JSONDecoder().decode(JSON.self, from: Data(bytes)) else { return nil }
        self = json
    }
}
