import CCurl
import ChatEmulator
import Dispatch
import FoundationEssentials
import Synchronization

/// Calls the app's webhook as the cloud does, as badly as is wished: some callbacks are lost, late or doubled. What the
/// other side answers is only counted.
final class WebhookCaller: Sendable {
    private let webhook: EmulatorOptions.Webhook
    private let app: Int64
    private let queue = DispatchQueue(label: "webhook")
    private let state: Mutex<State>

    private struct State {
        var random: SplitMix
        var counts = Counts()
    }

    /// Callbacks by what became of them.
    struct Counts: Sendable {
        var sent = 0
        var lost = 0
        var doubled = 0
        var failed = 0
    }

    // Only the queue uses it.
    private nonisolated(unsafe) let handle: OpaquePointer?
    private nonisolated(unsafe) let headers: UnsafeMutablePointer<curl_slist>?

    private static let timeoutMilliseconds = 5000

    init(_ webhook: EmulatorOptions.Webhook, app: Int64, seed: UInt64) {
        self.webhook = webhook
        self.app = app
        state = Mutex(State(random: SplitMix(seed: seed ^ 0x3EB)))
        handle = curl_easy_init()
        headers = curl_slist_append(nil, "Content-Type: application/json")
        configure()
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(headers)
    }

    var counts: Counts { state.withLock { $0.counts } }

    /// Sends a callback, or not, or twice, now or later.
    /// - Parameter milliseconds: when it happened, Unix time.
    func tell(_ notice: PresenceNotice, at milliseconds: Int64) {
        let delays = state.withLock { state -> [Double] in
            if state.random.chance() < webhook.loss {
                state.counts.lost += 1
                return []
            }
            let isDoubled = state.random.chance() < webhook.doubles
            if isDoubled { state.counts.doubled += 1 }
            return (0..<(isDoubled ? 2 : 1)).map { _ in state.random.chance() * webhook.delay }
        }
        let body = Self.body(notice, milliseconds)
        for delay in delays {
            queue.asyncAfter(deadline: .now() + delay) { [self] in send(body) }
        }
    }

    private static func body(_ notice: PresenceNotice, _ milliseconds: Int64) -> [UInt8] {
        JSON.members([
            "CallbackCommand": "State.StateChange", "EventTime": .number(milliseconds),
            "Info": .members([
                "Action": .string(notice.action.rawValue), "To_Account": .string(notice.user),
                "Reason": .string(notice.action == .disconnect ? "LinkClose" : "Register"),
            ]),
        ]).bytes
    }

    private func configure() {
        let query =
            "SdkAppid=\(app)&CallbackCommand=State.StateChange&contenttype=json"
            + "&ClientIP=127.0.0.1&OptPlatform=iOS"
        gm_curl_set_string(handle, CURLOPT_URL, webhook.url + "?" + query)
        gm_curl_set_long(handle, CURLOPT_POST, 1)
        gm_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        gm_curl_set_long(handle, CURLOPT_TIMEOUT_MS, Self.timeoutMilliseconds)
        gm_curl_set_pointer(handle, CURLOPT_HTTPHEADER, headers)
        gm_curl_set_string(handle, CURLOPT_NOPROXY, "*")
        gm_curl_set_write(handle, CURLOPT_WRITEFUNCTION) { _, size, count, _ in size * count }
    }

    private func send(_ body: [UInt8]) {
        gm_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, body.count)
        let isAnswered = body.withUnsafeBytes { bytes in
            gm_curl_set_pointer(
                handle, CURLOPT_POSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
            guard curl_easy_perform(handle) == CURLE_OK else { return false }
            var status = 0
            gm_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
            return status == 200
        }
        state.withLock { state in
            state.counts.sent += 1
            if !isAnswered { state.counts.failed += 1 }
        }
    }
}
