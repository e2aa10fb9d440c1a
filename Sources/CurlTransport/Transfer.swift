import CCurl
import ChatAPI
import ChatModel

/// One easy handle of libcurl with what it sends and receives; used again and again, by the
/// transport's thread alone.
final class Transfer {
    typealias Outcome = Result<HTTPReply, TransportFailure>

    let handle: OpaquePointer
    /// Counts the requests that it has served.
    private(set) var number: UInt64 = 0
    private let headers: UnsafeMutablePointer<curl_slist>?
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private let timeout: Duration
    private let isProxied: Bool
    private var unsent: ArraySlice<UInt8> = []
    private var received: [UInt8] = []
    private var isTooLarge = false
    private var deliver: (@Sendable (Outcome) -> Void)?

    init(_ settings: CurlSettings) {
        guard let handle = curl_easy_init() else {
            preconditionFailure("libcurl has no memory for a handle")
        }
        self.handle = handle
        timeout = settings.timeout
        isProxied = settings.isProxied
        var list: UnsafeMutablePointer<curl_slist>?
        for header in ["Content-Type: application/json", "Accept: application/json", "Expect:"] {
            list = curl_slist_append(list, header)
        }
        headers = list
        configure(settings)
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(headers)
        errorText.deallocate()
    }

    /// Sets the handle up for the request.
    func begin(_ request: Request) {
        number += 1
        unsent = request.body[...]
        received = []
        isTooLarge = false
        deliver = request.deliver
        errorText[0] = 0
        check(gm_curl_set_string(handle, CURLOPT_URL, request.url))
        check(gm_curl_set_long(handle, CURLOPT_POSTFIELDSIZE, request.body.count))
    }

    /// Resumes the caller with the reply, or with the failure.
    func finish(_ result: CURLcode) {
        let deliver = deliver.take()
        deliver?(outcome(result))
        unsent = []
        received = []
    }

    /// Longer than any call may take.
    private static let neverMilliseconds = 3_600_000

    private func configure(_ settings: CurlSettings) {
        let me = Unmanaged.passUnretained(self).toOpaque()
        check(gm_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText))
        check(gm_curl_set_pointer(handle, CURLOPT_HTTPHEADER, headers))
        check(gm_curl_set_long(handle, CURLOPT_POST, 1))
        check(gm_curl_set_long(handle, CURLOPT_NOSIGNAL, 1))
        check(gm_curl_set_long(handle, CURLOPT_FOLLOWLOCATION, 0))
        check(gm_curl_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1)))
        // No limit of libcurl's own, which would give up answered calls after the loop was blocked: `Connections`
        // counts the time. A connection that is made has no answer yet, but its limit must be the longer one.
        check(gm_curl_set_long(handle, CURLOPT_TIMEOUT_MS, 0))
        check(gm_curl_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, Self.neverMilliseconds))
        check(gm_curl_set_long(handle, CURLOPT_TCP_KEEPALIVE, 1))
        check(
            gm_curl_set_long(
                handle, CURLOPT_MAXLIFETIME_CONN, Int(settings.longestConnection.components.seconds)
            ))
        check(
            gm_curl_set_string(
                handle, CURLOPT_PROTOCOLS_STR, settings.isLoopback ? "http" : "https"))
        check(
            gm_curl_set_long(handle, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2)))
        if settings.isLoopback {
            check(gm_curl_refuse_other_machines(handle))
            // A proxy of the environment is meant for the outside.
            check(gm_curl_set_string(handle, CURLOPT_NOPROXY, "*"))
        }
        if let file = settings.trustedCertificates {
            check(gm_curl_set_string(handle, CURLOPT_CAINFO, file))
            // Instead of the system's, not beside them.
            check(gm_curl_set_string(handle, CURLOPT_CAPATH, nil))
        }
        configureBodies(me)
    }

    /// The request's body comes from a function that cannot rewind, on purpose: libcurl repeats a
    /// request by itself when a kept connection dies under it, though the server may have acted on
    /// it, and this makes it give up instead.
    private func configureBodies(_ me: UnsafeMutableRawPointer) {
        check(gm_curl_set_pointer(handle, CURLOPT_READDATA, me))
        check(
            gm_curl_set_write(handle, CURLOPT_READFUNCTION) { buffer, size, count, context in
                guard let buffer, let context else { return 0 }
                return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
                    .send(into: buffer, atMost: size * count)
            })
        check(gm_curl_set_pointer(handle, CURLOPT_WRITEDATA, me))
        check(
            gm_curl_set_write(handle, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                guard let bytes, let context else { return 0 }
                return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
                    .receive(bytes, size * count)
            })
    }

    private func send(into buffer: UnsafeMutablePointer<CChar>, atMost room: Int) -> Int {
        let part = unsent.prefix(room)
        unsent = unsent.dropFirst(room)
        UnsafeMutableRawPointer(buffer).copyMemory(from: Array(part), byteCount: part.count)
        return part.count
    }

    /// Anything but `count` makes libcurl end the transfer.
    private func receive(_ bytes: UnsafeMutablePointer<CChar>, _ count: Int) -> Int {
        guard received.count + count <= CurlSettings.largestReply else {
            isTooLarge = true
            return 0
        }
        received.append(
            contentsOf: UnsafeRawBufferPointer(start: UnsafeRawPointer(bytes), count: count))
        return count
    }

    private func outcome(_ result: CURLcode) -> Outcome {
        guard result == CURLE_OK else { return .failure(failure(result)) }
        var status = 0
        check(gm_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &status))
        return .success(
            HTTPReply(status: status, body: received, retryAfter: retryAfter, date: date))
    }

    /// Seconds, whether the header has them or a date.
    private var retryAfter: Duration? {
        var seconds = 0
        check(gm_curl_get_long(handle, CURLINFO_RETRY_AFTER, &seconds))
        return seconds > 0 ? .seconds(seconds) : nil
    }

    private var date: WallTime? {
        var header: UnsafeMutablePointer<curl_header>?
        guard
            curl_easy_header(handle, "Date", 0, UInt32(CURLH_HEADER), -1, &header) == CURLHE_OK,
            let value = header?.pointee.value
        else { return nil }
        let seconds = curl_getdate(value, nil)
        return seconds > 0 ? WallTime(seconds: Int64(seconds)) : nil
    }

    private func failure(_ result: CURLcode) -> TransportFailure {
        if isTooLarge {
            return TransportFailure(
                problem: "the reply has over \(CurlSettings.largestReply) bytes",
                mayHaveArrived: true)
        }
        let words = errorText[0] == 0 ? curl_easy_strerror(result) : UnsafePointer(errorText)
        let detail = words.map { String(cString: $0) } ?? "code \(result.rawValue)"
        return TransportFailure(
            code: result.rawValue, hasSent: hasSent, detail: detail, timeout: timeout,
            isProxied: isProxied)
    }

    /// Whether bytes of the request may have left.
    private var hasSent: Bool {
        var bytes = 0
        check(gm_curl_get_long(handle, CURLINFO_REQUEST_SIZE, &bytes))
        return bytes > 0
    }

    /// Setting a valid option can only fail for lack of memory.
    private func check(_ result: CURLcode) {
        precondition(result == CURLE_OK, "libcurl refused an option: \(result.rawValue)")
    }
}
