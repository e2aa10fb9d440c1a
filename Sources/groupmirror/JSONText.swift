/// JSON whose members stand in the order in which they are given: the order is part of the export's
/// form.
enum JSONText {
    static func object(_ members: KeyValuePairs<String, String?>) -> String {
        "{" + members.map { "\(string($0.key)):\($0.value ?? "null")" }.joined(separator: ",") + "}"
    }

    static func array(_ elements: some Sequence<String>) -> String {
        "[" + elements.joined(separator: ",") + "]"
    }

    static func string(_ text: String?) -> String {
        guard let text else { return "null" }
        var json = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": json += "\\\""
            case "\\": json += "\\\\"
            case "\n": json += "\\n"
            case "\r": json += "\\r"
            case "\t": json += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: json.unicodeScalars.append(scalar)
            }
        }
        return json + "\""
    }

    static func number(_ number: (some BinaryInteger)?) -> String {
        number.map { String($0) } ?? "null"
    }
}
