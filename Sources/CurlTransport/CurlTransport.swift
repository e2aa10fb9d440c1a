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
    private let inbox: Mutex<Inbox>

    /// What callers leave for the thread that does the transfers.
    private struct Inbox: Sendable {
        var requests: [Request] = []
        var mustReconnect = false
        var isClosed = false
        /// What the thread sleeps on.
        var multi: MultiHandle

        /// Called within the lock: the thread frees what this needs only after it has seen the end.
        func wake() { curl_multi_wakeup(multi.pointer) }
    }

    package init(_ settings: CurlSettings) {
        _ = CurlTransport.globalInit
        endpoint = settings.endpoint
        inbox = Mutex(Inbox(multi: MultiHandle(settings)))
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
                inbox.wake()
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
            // Woken once: the thread frees what this needs as soon as it has seen the end.
            guard !inbox.isClosed else { return }
            inbox.isClosed = true
            inbox.wake()
        }
    }

    package func reconnect() {
        inbox.withLock { inbox in
            guard !inbox.isClosed else { return }
            inbox.mustReconnect = true
            inbox.wake()
        }
    }

    /// The thread. It keeps the transport alive until `close`.
    private func run(_ settings: CurlSettings) {
        var idle: [Transfer] = []
        var connections = Connections(inbox.withLock { $0.multi })
        // Of before the last `reconnect`, until their transfers are done.
        var older: [Connections] = []
        while true {
            let (requests, isClosed) = inbox.withLock { inbox in
                if inbox.mustReconnect {
                    inbox.mustReconnect = false
                    older.append(connections)
                    connections = Connections(MultiHandle(settings))
                    inbox.multi = connections.multi
                }
                return (inbox.requests.take(), inbox.isClosed)
            }
            for request in requests {
                let transfer = idle.popLast() ?? Transfer(settings)
                connections.begin(request, with: transfer)
            }
            idle += connections.perform()
            for index in older.indices { idle += older[index].perform() }
            older.removeAll { $0.closeIfIdle() }
            if isClosed, connections.isIdle, older.isEmpty { break }
            // Nothing wakes the thread for the older ones.
            curl_multi_poll(connections.multi.pointer, nil, 0, older.isEmpty ? 1000 : 10, nil)
        }
        idle = []
        _ = connections.closeIfIdle()
    }

    private static let globalInit = {
        // libcurl would write the keys of every connection into the file that this names.
        unsetenv("SSLKEYLOGFILE")
        return curl_global_init(Int(CURL_GLOBAL_ALL))
    }()
}

/// One post on its way to the thread.
struct Request: Sendable {
    let url: String
    let body: [UInt8]
    let deliver: @Sendable (Transfer.Outcome) -> Void
}

/// A multi handle of libcurl, with its connections and the addresses it has looked up: owned by the
/// thread; `curl_multi_wakeup` alone may be called from others.
private struct MultiHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    init(_ settings: CurlSettings) {
        guard let handle = curl_multi_init() else {
            preconditionFailure("libcurl has no memory for a handle")
        }
        pointer = handle
        gm_curl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, settings.connections)
    }
}

/// The transfers under way on the connections of one multi handle.
private struct Connections {
    let multi: MultiHandle
    private var busy: [OpaquePointer: Transfer] = [:]

    init(_ multi: MultiHandle) { self.multi = multi }

    var isIdle: Bool { busy.isEmpty }

    mutating func begin(_ request: Request, with transfer: Transfer) {
        transfer.begin(request)
        busy[transfer.handle] = transfer
        curl_multi_add_handle(multi.pointer, transfer.handle)
    }

    /// Moves what can be moved; the transfers that have ended, and were delivered.
    mutating func perform() -> [Transfer] {
        var running: Int32 = 0
        curl_multi_perform(multi.pointer, &running)
        var done: [Transfer] = []
        for (handle, result) in finished() {
            curl_multi_remove_handle(multi.pointer, handle)
            guard let transfer = busy.removeValue(forKey: handle) else { continue }
            transfer.finish(result)
            done.append(transfer)
        }
        return done
    }

    /// Closes the connections when nothing is under way on them; whether it was so.
    func closeIfIdle() -> Bool {
        guard isIdle else { return false }
        curl_multi_cleanup(multi.pointer)
        return true
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
}

extension Array {
    /// The elements, leaving the array empty.
    fileprivate mutating func take() -> [Element] {
        defer { self = [] }
        return self
    }
}
