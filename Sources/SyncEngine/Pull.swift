import ChatAPI
import ChatModel
import SyncRules

// From the cloud to a listing that can be believed. The rules are ListingAssembly's; here are the
// calls.

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

    /// Listings of one pull in which no two in a row agree, until it is given up: the user's phone
    /// is busy.
    static let mostListings = 4

    /// Bytes of one listing: 25 000 conversations of 640.
    static let mostBytes = 16 << 20

    /// A listing of several pages, or with loose ends, counts once it was seen twice in a row: an
    /// index cursor over live data skips and repeats, but what moved beneath the first reading
    /// shows in the second. An odd listing is read once more.
    func listing(of job: PassJob, calls: inout Int) async throws(PassFailure) -> Pulled {
        var seen: Listing?
        var fault: ListingFault?
        var turn = job.turn
        for _ in 1...Self.mostListings {
            do {
                let read = try await readOnce(job, turn, calls: &calls)
                guard case .listing(let listing, _) = read else { return read }
                if listing.isOneMoment || listing == seen { return read }
                seen = listing
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
            calls += 1
            let found: [Conversation]
            do {
                found = try await cloud.lookUp(part, of: job.user, turn: .wait(.pulling))
            } catch {
                throw .call(error.afterAListing)
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
            calls += 1
            let reply: PageReply
            do {
                reply = try await cloud.page(
                    of: job.user, from: cursor, known: pages.isEmpty ? job.digest : nil, turn: turn)
            } catch {
                throw .call(error)
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
    /// As it stands when the same user has just been listed: the app is not refused then, but this
    /// command or this user.
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
