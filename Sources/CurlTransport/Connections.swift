import CCurl
import ChatModel
import DequeModule

/// A multi handle of libcurl with its connections and the addresses it has looked up, and the transfers under way on
/// them. Of the loop's thread alone.
struct Connections {
    private let multi: OpaquePointer
    private let timeout: Duration
    private var busy: [OpaquePointer: Transfer] = [:]
    private var deadlines: Deque<Deadline> = []
    /// When libcurl looked at the sockets last.
    private var lastLook = MonotonicTime.zero

    /// All transfers have the same time, so the first to begin is the first that is given up.
    private struct Deadline {
        let at: MonotonicTime
        let handle: OpaquePointer
        /// The handle is used again and again.
        let number: UInt64
    }

    init(_ settings: CurlSettings) {
        guard let handle = curl_multi_init() else {
            preconditionFailure("libcurl has no memory for a handle")
        }
        multi = handle
        timeout = settings.timeout
        gm_curl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, settings.connections)
    }

    var isIdle: Bool { busy.isEmpty }

    mutating func begin(_ request: Request, with transfer: Transfer, now: MonotonicTime) {
        transfer.begin(request)
        busy[transfer.handle] = transfer
        deadlines.append(
            Deadline(at: now + timeout, handle: transfer.handle, number: transfer.number))
        curl_multi_add_handle(multi, transfer.handle)
    }

    /// Moves what can be moved; the transfers that have ended, and were delivered.
    mutating func perform(now: MonotonicTime) -> [Transfer] {
        var running: Int32 = 0
        curl_multi_perform(multi, &running)
        var done: [Transfer] = []
        while let (handle, result) = nextFinished() {
            if let transfer = end(handle, result) { done.append(transfer) }
        }
        // Given up is only what two looks at the sockets after its time have not ended: while the loop was blocked,
        // answers could come that nothing has read.
        while let first = deadlines.first, first.at <= lastLook {
            deadlines.removeFirst()
            guard busy[first.handle]?.number == first.number,
                let transfer = end(first.handle, CURLE_OPERATION_TIMEDOUT)
            else { continue }
            done.append(transfer)
        }
        lastLook = now
        return done
    }

    /// The next transfer that libcurl has brought to its end.
    private func nextFinished() -> (OpaquePointer, CURLcode)? {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            if message.pointee.msg == CURLMSG_DONE, let handle = gm_curl_message_handle(message) {
                return (handle, gm_curl_message_result(message))
            }
        }
        return nil
    }

    private mutating func end(_ handle: OpaquePointer, _ result: CURLcode) -> Transfer? {
        curl_multi_remove_handle(multi, handle)
        let transfer = busy.removeValue(forKey: handle)
        transfer?.finish(result)
        return transfer
    }

    /// Waits for the sockets, for `descriptor` to be readable, or for so many milliseconds.
    func wait(for descriptor: Int32, atMost milliseconds: Int32) {
        var limit = milliseconds
        if let first = deadlines.first {
            let left = max(.zero, first.at - lastLook).nanoseconds / 1_000_000
            limit = Int32(min(Int64(limit), left + (first.at > lastLook ? 1 : 0)))
        }
        var other = curl_waitfd(fd: descriptor, events: Int16(CURL_WAIT_POLLIN), revents: 0)
        curl_multi_poll(multi, &other, 1, limit, nil)
    }

    /// Closes the connections when nothing is under way on them; whether it was so.
    func closeIfIdle() -> Bool {
        guard isIdle else { return false }
        curl_multi_cleanup(multi)
        return true
    }
}
