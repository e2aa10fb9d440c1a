// What an event is. Each event is declared once, by the function that makes it: its name, its level,
// its keys with their values and meanings, and what the operator should do. Documentation/Events.md is
// generated from the same declarations. The order of the keys is an interface: log-to-metrics tools
// match it with regular expressions.

/// One thing that happened, ready to be written.
package struct Event: Sendable {
    package let name: String
    package let level: LogLevel
    /// What it means, for the documentation.
    package let meaning: String
    /// What the operator should do.
    package let advice: String
    package let fields: [EventField]

    init(
        _ name: String, _ level: LogLevel, _ meaning: String, do advice: String = "nothing",
        _ fields: EventField...
    ) {
        self.init(name, level, meaning, do: advice, fields: fields)
    }

    init(
        _ name: String, _ level: LogLevel, _ meaning: String, do advice: String,
        fields: [EventField]
    ) {
        self.name = name
        self.level = level
        self.meaning = meaning
        self.advice = advice
        self.fields = fields
    }
}

/// A key of an event, its value, and what that is, with the unit. The key of a duration ends in its
/// unit.
package struct EventField: Sendable {
    package let key: String
    package let value: LogValue
    package let meaning: String

    init(_ key: String, _ value: LogValue, _ meaning: String) {
        self.key = key
        self.value = value
        self.meaning = meaning
    }

    /// A field with text.
    static func text(_ key: String, _ value: String, _ meaning: String) -> EventField {
        EventField(key, .text(value), meaning)
    }

    /// A field with a number of things.
    static func count(_ key: String, _ value: Int, _ meaning: String) -> EventField {
        EventField(key, .count(value), meaning)
    }

    /// A field with the number of one thing.
    static func number(_ key: String, _ value: Int64, _ meaning: String) -> EventField {
        EventField(key, .number(value), meaning)
    }

    /// A field with a number that has a fraction.
    static func decimal(_ key: String, _ value: Double?, _ meaning: String) -> EventField {
        EventField(key, value.map(LogValue.decimal) ?? .absent, meaning)
    }

    /// A field with yes or no.
    static func flag(_ key: String, _ value: Bool, _ meaning: String) -> EventField {
        EventField(key, .yes(value), meaning)
    }

    /// The key ends in `_s`.
    static func seconds(_ key: String, _ value: Duration?, _ meaning: String) -> EventField {
        EventField(key + "_s", value.map(LogValue.seconds) ?? .absent, meaning)
    }

    /// The key ends in `_ms`.
    static func milliseconds(_ key: String, _ value: Duration, _ meaning: String) -> EventField {
        EventField(key + "_ms", .milliseconds(value), meaning)
    }

    /// Of the cloud's API.
    static func command(_ value: String) -> EventField {
        .text("command", value, "command of the API")
    }

    static func user(_ value: String) -> EventField { .text("user", value, "user id") }

    /// The cloud's code; nothing where it gave none.
    static func code(_ value: Int?) -> EventField {
        EventField(
            "code", value.map(LogValue.count) ?? .absent,
            "the cloud's code; `-` (in JSON `null`) without one")
    }

    static func problem(_ value: String) -> EventField { .text("problem", value, "in words") }
}
