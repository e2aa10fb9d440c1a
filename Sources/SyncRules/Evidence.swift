import ChatModel

// How often a user changes is not known; it is learned from what pulls find. For a user whose changes come
// at random, "the last change was s ago, and nothing since" weighs the rate by λe^(-λs): so a change counts
// one, and the time that counts as watched is only what lies after the newest change. The part before it
// was watched too, but says nothing that the change itself does not (the last-modified estimator with a
// prior; Documentation/Decisions/0014-expected-staleness.md).

/// What is known of how often a user changes.
package struct Evidence: Hashable, Sendable {
    /// Changes seen, the assumed ones included. Old ones count less and less.
    package let changes: Float
    /// Seconds that were watched for them.
    package let watched: Float

    package init(changes: Float, watched: Float) {
        self.changes = changes
        self.watched = watched
    }

    /// Of a user nothing is known of: one change a day, which a few pulls outweigh.
    package static let prior = Evidence(changes: 0.3, watched: 25_920)

    /// What is this old counts half.
    static let memory = 7 * 86_400.0

    /// Changes a second.
    package var rate: Double { Double(changes) / Double(watched) }

    /// Evidence of a user whose own was lost, from what the mirror shows.
    /// - Parameter recent: conversations that were changed within the last seven days.
    package init(recent: Int) {
        changes = Self.prior.changes + Float(recent)
        watched = Self.prior.watched + Float(Self.memory)
    }

    /// The evidence after one more pull.
    /// - Parameters:
    ///   - finding: what the pull found.
    ///   - span: seconds since the pull before; 0 for the first one.
    package func adding(_ finding: PullFinding, after span: Double) -> Evidence {
        adding(finding, after: span, watched: finding.watched(of: span))
    }

    /// The same where seconds do not count alike.
    /// - Parameter new: what the watched seconds count.
    func adding(_ finding: PullFinding, after span: Double, watched new: Double) -> Evidence {
        let kept = 1 / (1 + span / Self.memory)
        let changes = Double(changes - Self.prior.changes) * kept
        let watched = Double(watched - Self.prior.watched) * kept
        return Evidence(
            changes: Self.prior.changes + Float(changes + (finding == .unchanged ? 0 : 1)),
            watched: Self.prior.watched + Float(watched + new))
    }
}

/// What a pull found, as far as the next one is concerned.
package enum PullFinding: Hashable, Sendable {
    case unchanged
    /// - Parameter age: of the newest change that can be seen, by the cloud's clock, when the pull was
    ///   sent; nil for a change without a time, such as a deletion.
    case changed(age: Duration?)

    /// The seconds that count as watched.
    /// - Parameter span: since the pull before; 0 for the first one.
    fileprivate func watched(of span: Double) -> Double {
        switch self {
        case .unchanged: span
        // All of a first pull is new, however old; but what is older than the memory says no more than that. Later
        // ones only see what came since.
        case .changed(let age?): max(0, min(age.inSeconds, span > 0 ? span : Evidence.memory))
        case .changed(nil): span / 2
        }
    }
}
