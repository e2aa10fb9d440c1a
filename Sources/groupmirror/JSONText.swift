import EventLog

/// JSON whose members stand in the order in which they are given: the order is part of the export's
/// form.
enum JSONText {
    static func object(_ members: KeyValuePairs<String, String?>) -> String {
        "{" + members.map { "\(string($0.key)):\($0.value ?? "null")" }.joined(separator: ",") + "}"
    }

    static func array(_ elements: some Sequence<String>) -> String {
        "[" + elements.joined(separator: ",") + "]"
    }

    /// With the escapes of the log: what could move a cursor or turn text around must not reach a
    /// terminal unescaped, and means the same to whoever reads the JSON.
    static func string(_ text: String?) -> String {
        text.map(LogText.quoted) ?? "null"
    }

    static func number(_ number: (some BinaryInteger)?) -> String {
        number.map { String($0) } ?? "null"
    }
}
