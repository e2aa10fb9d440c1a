import CCurl
import ChatAPI
import ChatModel
import Foundation
import Synchronization

// libcurl's multi interface on one thread, which owns every handle; the rest of the program only
// puts requests into its inbox and is resumed with the outcome. Never CURLOPT_VERBOSE: what it
// prints holds the usersig.

/// Posts to the cloud over HTTP/1.1, with connections kept open and certificates checked.
package final class CurlTransport: HTTPTransport {
    private let endpoint: String
    private let inbox = Mutex(Inbox())
    private let multi: MultiHandle

    private struct Inbox {
        var requests: [Request] = []
        var isClosed = false
    }

    package init(_ settings: CurlSettings) {
        _ = CurlTransport.globalInit
        endpoint = settings.endpoint
        guard let handle = curl_multi_init() else {
            preconditionFailure("libcurl has no memory for a handle")
        }
        multi = MultiHandle(pointer: handle)
        gm_curl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, settings.connections)
        let thread = Thread { [self] in run(settings) }
        thread.name = "curl"
        thread.start()
    }

    package func post(path: String, body: [UInt8]) async throws(TransportFailure) -> HTTPReply {
        let outcome = await withCheckedContinuation { continuation in
            let request = Request(url: "\(endpoint)/\(path)", body: body) {
                continuation.resume(returning: $0)
            }
            let isClosed = inbox.withLock { inbox in
                guard !inbox.isClosed else { return true }
                inbox.requests.append(request)
                // Within the lock: the thread, which frees what this needs, has not seen the end.
                curl_multi_wakeup(multi.pointer)
                return false
            }
            guard !isClosed else {
                return request.deliver(
                    .failure(
                        TransportFailure(problem: "the program is stopping", mayHaveArrived: false)
                    ))
            }
        }
        return try outcome.get()
    }

    /// Ends the thread once the transfers under way are done; later posts fail at once.
    package func close() {
        inbox.withLock { inbox in
            // Told once: the thread frees what this needs as soon as it has seen the end.
            guard !inbox.isClosed else { return }
            inbox.isClosed = true
            curl_multi_wakeup(multi.pointer)
        }
    }

    /// The thread. It keeps the transport alive until `close`.
    private func run(_ settings: CurlSettings) {
        var idle: [Transfer] = []
        var busy: [OpaquePointer: Transfer] = [:]
        while true {
            let (requests, isClosed) = inbox.withLock { inbox in
                (inbox.requests.take(), inbox.isClosed)
            }
            for request in requests {
                let transfer = idle.popLast() ?? Transfer(settings)
                transfer.begin(request)
                busy[transfer.handle] = transfer
                curl_multi_add_handle(multi.pointer, transfer.handle)
            }
            var running: Int32 = 0
            curl_multi_perform(multi.pointer, &running)
            for (handle, result) in finished() {
                curl_multi_remove_handle(multi.pointer, handle)
                guard let transfer = busy.removeValue(forKey: handle) else { continue }
                transfer.finish(result)
                idle.append(transfer)
            }
            if isClosed, busy.isEmpty { break }
            curl_multi_poll(multi.pointer, nil, 0, 1000, nil)
        }
        idle = []
        curl_multi_cleanup(multi.pointer)
    }

    private func finished() -> [(handle: OpaquePointer, result: CURLcode)] {
        var finished: [(handle: OpaquePointer, result: CURLcode)] = []
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi.pointer, &left) {
            if message.pointee.msg == CURLMSG_DONE, let handle = gm_curl_message_handle(message) {
                finished.append((handle, gm_curl_message_result(message)))
            }
        }
        return finished
    }

    private static let globalInit = curl_global_init(Int(CURL_GLOBAL_ALL))
}

/// One post on its way to the thread.
struct Request: Sendable {
    let url: String
    let body: [UInt8]
    let deliver: @Sendable (Transfer.Outcome) -> Void
}

/// The multi handle: owned by the thread; `curl_multi_wakeup` alone may be called from others.
private struct MultiHandle: @unchecked Sendable {
    let pointer: OpaquePointer
}

extension Array {
    /// The elements, leaving the array empty.
    fileprivate mutating func take() -> [Element] {
        defer { self = [] }
        return self
    }
}
