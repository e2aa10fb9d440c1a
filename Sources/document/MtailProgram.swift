import EventLog

// The program for mtail that makes metrics of the log, from the same declarations as Documentation/Events.md: an event
// or a number of `stats` that is new has its metric at once.

/// monitoring/groupmirror.mtail
enum MtailProgram {
    static var text: String {
        """
        # Metrics of groupmirror's log, for mtail 3. Generated (make tables) from the declarations in
        # Sources/EventLog: do not edit. `stats`, `calls` and `latency` have absolute numbers, so a restart of mtail
        # loses nothing of them; what counts lines begins again.

        \(declarations)

        # When the last line was written, and how many lines there were.
        /^ts=(?P<ts>\\d+-\\d+-\\d+T\\d+:\\d+:\\d+)\\.\\d+Z level=(?P<level>\\w+) event=(?P<event>\(names)) app=(?P<app>\\d+)\\b/ {
          strptime($ts, "2006-01-02T15:04:05")
          groupmirror_last_line_timestamp_seconds[$app] = timestamp()
          groupmirror_events_total[$app][$event][$level]++
          $event == "calls" {
            / command=(?P<command>\\w+) code=(?P<code>\\S+) total=(?P<total>\\d+)/ {
              groupmirror_calls_total[$app][$command][$code] = $total
            } else {
              groupmirror_lines_unparsed_total++
            }
          }
          $event == "latency" {
            / of=(?P<of>\\w+) / {
        \(buckets)
            } else {
              groupmirror_lines_unparsed_total++
            }
          }
          $event == "stats" {
        \(gauges)
          }
        } else {
          groupmirror_lines_unparsed_total++
        }

        """
    }

    /// A number of `stats`: what it is called as a metric.
    private struct Metric {
        let key: String
        let name: String
        let isCounter: Bool
        let value: LogValue
        let meaning: String

        init(_ field: EventField) {
            (key, value, meaning) = (field.key, field.value, field.meaning)
            isCounter = MtailProgram.counters.contains(key)
            var name = key
            if name.hasSuffix("_s") { name = name.dropLast(2) + "_seconds" }
            if name == "calls" { name = "all_calls" }
            if isCounter { name += "_total" }
            self.name = "groupmirror_" + name
        }
    }

    /// What only grows while a process lives.
    private static let counters: Set<String> = [
        "calls", "throttled", "passes", "unchanged", "changes", "edits_applied", "edits_rejected",
        "log_dropped", "loop_blocked", "cpu_s",
    ]

    /// What the words of `stats` can be.
    private static let states = [
        "cloud": ["accepting", "refused", "unreachable", "clock_off", "unknown"],
        "store": ["ok", "failing"],
    ]

    private static func fields(of event: String) -> [EventField] {
        EventTable.samples.first { $0.name == event }?.fields ?? []
    }

    private static var metrics: [Metric] { fields(of: "stats").map(Metric.init) }

    private static var names: String {
        var seen: Set<String> = []
        return EventTable.samples.map(\.name).filter { seen.insert($0).inserted }
            .joined(separator: "|")
    }

    private static var declarations: String {
        let general = [
            "# Lines that are none of groupmirror's, or of a version with other keys: to be 0.",
            "counter groupmirror_lines_unparsed_total",
            "gauge groupmirror_last_line_timestamp_seconds by app",
            "counter groupmirror_events_total by app, event, level",
            "# Calls by command and code.",
            "counter groupmirror_calls_total by app, command, code",
            "# How long calls and passes take, as a histogram of Prometheus.",
            "counter groupmirror_latency_seconds_bucket by app, of, le",
            "counter groupmirror_latency_seconds_count by app, of",
            "counter groupmirror_latency_seconds_sum by app, of",
        ]
        let own = metrics.flatMap { metric -> [String] in
            let kind = metric.isCounter ? "counter" : "gauge"
            let labels = states[metric.key] == nil ? "app" : "app, state"
            return ["# \(metric.key): \(metric.meaning)", "\(kind) \(metric.name) by \(labels)"]
        }
        return (general + own).joined(separator: "\n")
    }

    private static var buckets: String {
        fields(of: "latency").dropFirst().map { field in
            let metric: String
            let value: String
            if field.key == "count" {
                metric = "groupmirror_latency_seconds_count[$app][$of]"
                value = "$count"
            } else if field.key == "sum_ms" {
                metric = "groupmirror_latency_seconds_sum[$app][$of]"
                value = "float($sum_ms) / 1000.0"
            } else {
                let milliseconds = Double(field.key.filter(\.isNumber)) ?? 0
                let seconds = milliseconds / 1000
                let bound = seconds < 1 ? String(seconds) : String(Int(seconds))
                metric = "groupmirror_latency_seconds_bucket[$app][$of][\"\(bound)\"]"
                value = "$\(field.key)"
            }
            var lines = [
                "/ \(field.key)=(?P<\(field.key)>\\d+)/ {", "  \(metric) = \(value)",
            ]
            if field.key == "count" {
                // Whatever takes longer.
                lines.append("  groupmirror_latency_seconds_bucket[$app][$of][\"+Inf\"] = $count")
            }
            return indented(lines + otherwise, by: 6)
        }.joined(separator: "\n")
    }

    private static var gauges: String {
        metrics.map { metric -> String in
            if let words = states[metric.key] {
                return words.map { word in
                    let one = "\(metric.name)[$app][\"\(word)\"]"
                    return indented(
                        [
                            "/ \(metric.key)=\(word)( |$)/ {", "  \(one) = 1", "} else {",
                            "  \(one) = 0",
                            "}",
                        ], by: 4)
                }.joined(separator: "\n")
            }
            if case .yes = metric.value {
                return indented(
                    [
                        "/ \(metric.key)=true( |$)/ {", "  \(metric.name)[$app] = 1", "} else {",
                        "  \(metric.name)[$app] = 0", "}",
                    ], by: 4)
            }
            // A dash: there is no number yet.
            return indented(
                [
                    "/ \(metric.key)=(?P<\(metric.key)>-?\\d[\\d.]*)( |$)/ {",
                    "  \(metric.name)[$app] = float($\(metric.key))", "} else {",
                    "  / \(metric.key)=-( |$)/ {", "  } else {",
                    "    groupmirror_lines_unparsed_total++",
                    "  }", "}",
                ], by: 4)
        }.joined(separator: "\n")
    }

    private static let otherwise = ["} else {", "  groupmirror_lines_unparsed_total++", "}"]

    private static func indented(_ lines: [String], by spaces: Int) -> String {
        lines.map { String(repeating: " ", count: spaces) + $0 }.joined(separator: "\n")
    }
}
