import CCurl
import Foundation

/// libcurl on one thread with no Swift concurrency, two calls every 10 ms: the floor below which no program with this
/// library comes.
final class PlainCurl {
    private let multi: OpaquePointer
    private let url: String
    private let users: Int
    private let headers: UnsafeMutablePointer<curl_slist>?
    private var idle: [OpaquePointer] = []
    private var all: [OpaquePointer] = []
    private var bodies: [OpaquePointer: UnsafeMutablePointer<CChar>] = [:]
    private var ended = 0

    private static let tickNanoseconds = 10_000_000
    private static let callsATick = 2
    private static let longestBody = 128

    init(url: String, users: Int) throws {
        guard let multi = curl_multi_init() else { throw Failure(words: "libcurl has no memory") }
        self.multi = multi
        self.url = url
        self.users = users
        var headers: UnsafeMutablePointer<curl_slist>?
        for header in ["Content-Type: application/json", "Accept: application/json", "Expect:"] {
            headers = curl_slist_append(headers, header)
        }
        self.headers = headers
        gm_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 110)
    }

    deinit {
        for handle in all { curl_easy_cleanup(handle) }
        for body in bodies.values { body.deallocate() }
        curl_multi_cleanup(multi)
        curl_slist_free_all(headers)
    }

    /// Processor time of a call in seconds, and how often the thread had to wait for it.
    func cost(calls: Int) throws -> (time: Double, switches: Double) {
        try run(calls: calls / 10)
        let before = Usage.now
        try run(calls: calls)
        return (Usage.now - before).perCall(calls)
    }

    private func run(calls: Int) throws {
        ended = 0
        var begun = 0
        var tick = DispatchTime.now().uptimeNanoseconds
        while ended < calls {
            let now = DispatchTime.now().uptimeNanoseconds
            while tick <= now {
                for _ in 0..<Self.callsATick where begun < calls {
                    try begin(begun)
                    begun += 1
                }
                tick += UInt64(Self.tickNanoseconds)
            }
            perform()
            let left = Int64(tick) - Int64(DispatchTime.now().uptimeNanoseconds)
            if left > 0 { curl_multi_poll(multi, nil, 0, Int32((left + 999_999) / 1_000_000), nil) }
        }
    }

    private func begin(_ number: Int) throws {
        let handle = try idle.popLast() ?? made()
        let body = Array(
            #"{"From_Account":"\#(String(format: "user%08d", 1 + number % users))","StartIndex":0}"#
                .utf8CString)
        bodies[handle]?.update(from: body, count: body.count)
        gm_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, body.count - 1)
        curl_multi_add_handle(multi, handle)
    }

    private func made() throws -> OpaquePointer {
        guard let handle = curl_easy_init() else { throw Failure(words: "libcurl has no memory") }
        all.append(handle)
        let body = UnsafeMutablePointer<CChar>.allocate(capacity: Self.longestBody)
        bodies[handle] = body
        gm_curl_set_string(handle, CURLOPT_URL, url)
        gm_curl_set_pointer(handle, CURLOPT_HTTPHEADER, headers)
        gm_curl_set_pointer(handle, CURLOPT_POSTFIELDS, body)
        gm_curl_set_long(handle, CURLOPT_NOSIGNAL, 1)
        gm_curl_set_write(handle, CURLOPT_WRITEFUNCTION) { _, size, count, _ in size * count }
        return handle
    }

    private func perform() {
        var running: Int32 = 0
        curl_multi_perform(multi, &running)
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE,
                let handle = gm_curl_message_handle(message)
            else { continue }
            curl_multi_remove_handle(multi, handle)
            idle.append(handle)
            ended += 1
        }
    }
}

/// What a process has used of the processor.
struct Usage {
    let time: Double
    /// How often a thread had to wait and another was run.
    let switches: Double

    /// Of this process.
    static var now: Usage {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds = [usage.ru_utime, usage.ru_stime].reduce(0) {
            $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6
        }
        return Usage(time: seconds, switches: Double(usage.ru_nvcsw))
    }

    static func - (left: Usage, right: Usage) -> Usage {
        Usage(time: left.time - right.time, switches: left.switches - right.switches)
    }

    func perCall(_ calls: Int) -> (time: Double, switches: Double) {
        (time / Double(calls), switches / Double(calls))
    }
}
