import ChatModel

// Requests: an operator wants users pulled now, or compared. A request is served by passes that began after
// it, and a user counts as failed only after a few tries.

/// The requests that are being served.
package struct RequestBoard: Sendable {
    /// A request that is being served.
    private struct Active: Sendable {
        let request: ResyncRequest
        /// Passes up to this one began before the request.
        let after: UInt64
        let startedAt: MonotonicTime
        var remaining = UserSet()
        var progress: RequestProgress
        var tries: [UserNumber: Int] = [:]
        var isDirty = true
    }

    private var active: [Active] = []
    /// Requests that are done, which the database does not say yet.
    private var finishing: Set<Int64> = []

    /// Tries of a user before it counts as failed.
    package static let mostTries = 3

    package init() {}

    package var isEmpty: Bool { active.isEmpty }

    // MARK: Beginning and withdrawing

    /// Those of the open requests that are not served yet.
    package func new(among open: [ResyncRequest]) -> [ResyncRequest] {
        let known = finishing.union(active.map(\.request.id))
        return open.filter { !known.contains($0.id) }
    }

    /// Takes a request in.
    /// - Parameters:
    ///   - total: users that it is about, also those who are not in the list.
    ///   - users: of these, the ones that are in the list.
    ///   - after: the number of the last pass that has begun.
    package mutating func begin(
        _ request: ResyncRequest, total: Int, users: [UserNumber], after: UInt64, now: MonotonicTime
    ) {
        var one = Active(
            request: request, after: after, startedAt: now,
            progress: RequestProgress(request: request.id, total: total))
        for user in users { one.remaining.insert(user) }
        active.append(one)
    }

    /// Drops the requests that are no longer open: their commands have withdrawn them.
    /// - Returns: each with the number of users who were left.
    package mutating func withdraw(except open: [ResyncRequest]) -> [(request: Int64, left: Int)] {
        let isOpen = Set(open.map(\.id))
        let gone = active.filter { !isOpen.contains($0.request.id) }
        active.removeAll { !isOpen.contains($0.request.id) }
        return gone.map { ($0.request.id, $0.remaining.count) }
    }

    // MARK: What a pass gives

    /// What a result means for the requests.
    package struct Settled: Sendable, Equatable {
        /// Whether some request no longer wants the user.
        package var isSettled: Bool
        /// Requests in which the result deserves a row: the user was named, or there is something to say.
        package var rows: [Int64]

        package init(isSettled: Bool = false, rows: [Int64] = []) {
            self.isSettled = isSettled
            self.rows = rows
        }
    }

    /// Takes in what became of a user's pass.
    /// - Parameter sequence: the number of the pass.
    package mutating func passEnded(
        _ user: UserNumber, sequence: UInt64, isComparison: Bool, _ result: RequestResult
    ) -> Settled {
        var settled = Settled()
        for index in active.indices {
            guard sequence > active[index].after, active[index].remaining.contains(user),
                isComparison == (active[index].request.kind == .compare)
            else { continue }
            if result.outcome == .failed {
                active[index].tries[user, default: 0] += 1
                if active[index].tries[user, default: 0] < Self.mostTries { continue }
            }
            settle(user, result, at: index)
            settled.isSettled = true
            if Self.keeps(result, of: active[index].request) {
                settled.rows.append(active[index].request.id)
            }
        }
        return settled
    }

    /// The users are not in the list, or no longer.
    /// - Returns: by request those that it wanted, and what is recorded of each.
    package mutating func left(_ users: [UserNumber]) -> [(request: Int64, users: [UserNumber])] {
        active.indices.compactMap { index in
            let gone = users.filter(active[index].remaining.contains)
            for user in gone { settle(user, Self.notListed, at: index) }
            return gone.isEmpty ? nil : (active[index].request.id, gone)
        }
    }

    /// Users of a new request who are not in the list.
    package mutating func refuse(_ count: Int, of request: Int64) {
        guard let index = active.firstIndex(where: { $0.request.id == request }) else { return }
        for _ in 0..<count { active[index].progress.add(Self.notListed) }
        active[index].isDirty = true
    }

    /// What is recorded of a user who is not in the list.
    package static let notListed = RequestResult(.failed, detail: "it is not in the list of users")

    private mutating func settle(_ user: UserNumber, _ result: RequestResult, at index: Int) {
        active[index].remaining.remove(user)
        active[index].progress.add(result)
        active[index].isDirty = true
    }

    private static func keeps(_ result: RequestResult, of request: ResyncRequest) -> Bool {
        switch result.outcome {
        case .same, .changed: request.users != nil
        case .drifted, .failed, .parked: true
        }
    }

    // MARK: Asking

    /// Whether some request wants the user compared.
    package func isToBeCompared(_ user: UserNumber) -> Bool {
        active.contains { $0.request.kind == .compare && $0.remaining.contains(user) }
    }

    /// How often requests that still want the user have seen it fail; nil when none wants it.
    package func tries(of user: UserNumber) -> Int? {
        active.filter { $0.remaining.contains(user) }.map { $0.tries[user] ?? 0 }.max()
    }

    // MARK: Progress and end

    /// What has changed since it was asked for last.
    package mutating func takeProgress() -> [RequestProgress] {
        active.indices.compactMap { index in
            guard active[index].isDirty else { return nil }
            active[index].isDirty = false
            return active[index].progress
        }
    }

    /// A request that is done, and since when it was served.
    package mutating func takeFinished() -> (progress: RequestProgress, startedAt: MonotonicTime)? {
        guard let index = active.firstIndex(where: \.remaining.isEmpty) else { return nil }
        let one = active.remove(at: index)
        // Until that is written, whoever reads the open requests finds this one among them.
        finishing.insert(one.request.id)
        var progress = one.progress
        progress.isFinished = true
        return (progress, one.startedAt)
    }

    /// The database says now that the request is done.
    package mutating func written(_ request: Int64) { finishing.remove(request) }
}
