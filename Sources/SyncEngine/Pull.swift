import ChatAPI
import ChatModel
import SyncRules

// Makes the calls that lead to a listing which can be believed. The rules are in ListingAssembly.

/// Why a pass did not bring its user up to date.
package enum PassFailure: Error, Sendable {
    case call(CallFailure)
    case listing(ListingFault)
}

/// What a pull found.
enum Pulled: Sendable {
    /// Byte for byte what the mirror was made from.
    case asBefore
    case listing(Listing, Digest)

    var isAsBefore: Bool { listing == nil }

    var listing: Listing? {
        if case .listing(let listing, _) = self { listing } else { nil }
    }
}

/// Pulls one user.
struct Pull: Sendable {
    let cloud: any ConversationCloud
    /// Conversations that the app's plan lets a listing return; 0: unknown.
    let cap: Int
    let time: any Timekeeper
    /// A random number, at least 0 and below 1.
    let chance: @Sendable () -> Double

    /// After so many listings of which no two in a row agree, the pull is given up: another client is
    /// changing the user.
    static let mostListings = 4

    /// The pause before a listing that looks wrong is read again.
    static let secondLook = Duration.seconds(2)

    /// Bytes of one listing: 25 000 conversations of 640.
    static let mostBytes = 16 << 20

    /// A listing of several pages, or with loose ends, counts once it was seen twice in a row: an
    /// index cursor over live data skips and repeats entries, but a change during the first reading shows
    /// in the second. A faulty listing is read once more.
    /// - Parameter wanted: groups that open edits are about. A listing that lacks one of them also
    ///   counts only when another one a moment later is the same: one wrong listing must not end an edit.
    func listing(of job: PassJob, wanted: Set<GroupID>, calls: inout Int)
        async throws(PassFailure) -> Pulled
    {
        var seen: Listing?
        var fault: ListingFault?
        var turn = job.turn
        for _ in 1...Self.mostListings {
            do {
                let read = try await readOnce(job, turn, calls: &calls)
                guard case .listing(let listing, _) = read else { return read }
                let lacksWanted = !wanted.isSubset(of: listing.snapshot.groups.map(\.id))
                if listing == seen || listing.isOneMoment && !lacksWanted { return read }
                seen = listing
                if lacksWanted { try? await time.sleep(for: Self.secondLook) }
                fault = nil
            } catch .listing(let odd) {
                if fault != nil || odd.isFinal { throw .listing(odd) }
                seen = nil
                fault = odd
            } catch {
                throw error
            }
            turn = .wait(.pulling)
        }
        throw .listing(fault ?? .keptChanging(pulls: Self.mostListings))
    }

    /// The cloud's time at a moment of this machine's.
    func cloudTime(at wall: WallTime) -> WallTime { cloud.cloudTime(at: wall) }

    /// Conversations that a listing of several pages lacks are looked up before they count as gone.
    func confirm(
        _ vanished: [Conversation], from listing: Listing, of job: PassJob, calls: inout Int
    )
        async throws(PassFailure)
    {
        guard listing.pages > 1 else { return }
        let ids = vanished.map(\.id)
        for start in stride(from: 0, to: ids.count, by: lookUpSize) {
            let part = Array(ids[start..<min(start + lookUpSize, ids.count)])
            let found = try await read(job, .wait(.pulling), calls: &calls) {
                turn throws(CallFailure) in
                do throws(CallFailure) {
                    return try await cloud.lookUp(part, of: job.user, turn: turn)
                } catch {
                    throw error.afterAListing
                }
            }
            if let first = found.first { throw .listing(.incomplete(missing: first.id)) }
        }
    }

    private func readOnce(_ job: PassJob, _ turn: CallTurn, calls: inout Int)
        async throws(PassFailure) -> Pulled
    {
        var pages: [RawPage] = []
        var bytes = 0
        var cursor: Int64 = 0
        var turn = turn
        while true {
            let known = pages.isEmpty ? job.digest : nil
            let reply = try await read(job, turn, calls: &calls) { turn throws(CallFailure) in
                try await cloud.page(of: job.user, from: cursor, known: known, turn: turn)
            }
            guard case .page(let page) = reply else { return .asBefore }
            pages.append(page)
            bytes += page.byteCount
            if bytes > Self.mostBytes || pages.count > ListingAssembly.longest {
                throw .listing(.tooMuch(bytes: bytes, pages: pages.count))
            }
            if page.isLast { break }
            do {
                cursor = try ListingAssembly.cursor(after: cursor, promised: page.next)
            } catch {
                throw .listing(error)
            }
            turn = .wait(.pulling)
        }
        let digest = Digest.ofPages(pages.map(\.digest))
        if digest == job.digest { return .asBefore }
        return .listing(try assemble(pages), digest)
    }

    /// Makes a call that reads. One that fails in passing is repeated in place, each time with a permit
    /// of its own: among many calls some always fail, and a pull of many pages would never end. A probe
    /// of a cloud that does not answer is not repeated: the next one follows soon.
    private func read<Value>(
        _ job: PassJob, _ turn: CallTurn, calls: inout Int,
        _ call: (CallTurn) async throws(CallFailure) -> Value
    ) async throws(PassFailure) -> Value {
        var retry = ReadRetry(startedAt: time.now())
        var turn = turn
        while true {
            calls += 1
            do {
                return try await call(turn)
            } catch {
                guard error.kind == .transient, !job.isProbe,
                    let pause = retry.pause(
                        now: time.now(), chance: chance(), atLeast: error.retryAfter ?? .zero)
                else { throw .call(error) }
                try? await time.sleep(for: pause)
                turn = .wait(.pulling)
            }
        }
    }

    private func assemble(_ pages: [RawPage]) throws(PassFailure) -> Listing {
        var assembly = ListingAssembly()
        do {
            for page in pages { _ = try assembly.add(page.decoded()) }
            return try assembly.listing(cap: cap)
        } catch let fault as ListingFault {
            throw .listing(fault)
        } catch let failure as CallFailure {
            throw .call(failure)
        } catch {
            preconditionFailure("an assembly throws faults and failures only")
        }
    }
}

extension CallFailure {
    /// A refusal right after the same user was listed is not one of the app, but of this command or this
    /// user.
    fileprivate var afterAListing: CallFailure {
        guard kind == .refusedApp else { return self }
        return CallFailure(kind: .rejected, code: code, problem: problem, advice: advice)
    }
}

extension ListingFault {
    /// Reading again cannot help.
    fileprivate var isFinal: Bool {
        if case .atPlanCap = self { true } else { false }
    }
}
