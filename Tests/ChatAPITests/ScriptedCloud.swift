import ChatAPI
import ChatModel
import EventLog
import SyncRules
import Synchronization
import TestSupport

/// A cloud that answers what it is told to, call by call; the last answer is repeated.
final class ScriptedCloud: HTTPTransport {
    private let answers: Mutex<[Result<HTTPReply, TransportFailure>]>
    private let seen = Mutex<[(path: String, body: [UInt8])]>([])

    convenience init(_ answers: Result<HTTPReply, TransportFailure>...) { self.init(answers) }

    init(_ answers: [Result<HTTPReply, TransportFailure>]) {
        self.answers = Mutex(answers)
    }

    convenience init(_ body: String) {
        self.init(.success(HTTPReply(status: 200, body: Array(body.utf8))))
    }

    var paths: [String] { seen.withLock { $0.map(\.path) } }
    var bodies: [[UInt8]] { seen.withLock { $0.map(\.body) } }

    func post(path: String, body: [UInt8]) async throws(TransportFailure) -> HTTPReply {
        seen.withLock { $0.append((path, body)) }
        let answer = answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
        return try answer.get()
    }
}

func ok(_ body: String) -> Result<HTTPReply, TransportFailure> {
    .success(HTTPReply(status: 200, body: Array(body.utf8)))
}

func failed(_ code: Int) -> Result<HTTPReply, TransportFailure> {
    ok(#"{"ActionStatus":"FAIL","ErrorCode":\#(code),"ErrorInfo":"words of the cloud"}"#)
}

let emptyPage =
    #"{"CompleteFlag":1,"NextStartIndex":0,"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":""}"#

/// The client's whole chain over a scripted cloud.
struct Client {
    let clock: TestClock
    let recorder = LogRecorder()
    let counters = CallCounters()
    let gate: CallGate
    let cloud: ChatCloud

    init(_ transport: ScriptedCloud, clock: TestClock = TestClock()) throws {
        self.clock = clock
        let log = recorder.log(clock)
        let signer = Signer(
            sdkAppID: 1, admin: "the admin", key: try SecretKey(contents: "made-up-key"),
            time: clock, log: log)
        gate = CallGate(limit: 200, margin: .measured, inFlight: 5, time: clock, log: log)
        cloud = ChatCloud(
            through: transport, signer: signer, gate: gate, counters: counters, time: clock,
            log: log, random: { 7 })
    }

    func page(known: Digest? = nil) async throws(CallFailure) -> PageReply {
        guard let user = try? UserID("alice") else { preconditionFailure("alice is a user id") }
        return try await clock.run { () async throws(CallFailure) in
            try await cloud.page(of: user, from: 0, known: known, turn: .wait(.starting))
        }
    }

    func content() async throws(CallFailure) -> ListingPage {
        guard case .page(let page) = try await self.page() else {
            preconditionFailure("nothing was known")
        }
        return try page.decoded()
    }

    func write() async throws(CallFailure) {
        guard let user = try? UserID("alice") else { preconditionFailure("alice is a user id") }
        let call = PushCall(action: .delete(1, name: "g"), edits: [], wanted: [:])
        _ = try await clock.run { () async throws(CallFailure) in
            try await cloud.push(call, of: user)
        }
    }
}

let deleted = #"{"GroupItem":[],"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":""}"#
