import CCurl
import ChatAPI
import ChatModel
import Foundation
import LoopThread

// libcurl's multi interface on a loop, which is the only thread that touches it. Never CURLOPT_VERBOSE: what it
// prints holds the usersig.

/// Posts to the cloud over HTTP/1.1, with connections kept open and certificates checked.
package final class CurlTransport: HTTPTransport, LoopGuest, @unchecked Sendable {
    private let settings: CurlSettings
    private let loop: Loop
    /// The loop is this one's alone, and ends with it.
    private let ownsLoop: Bool

    // Of the loop's thread alone.
    private var connections: Connections
    /// Of before the last `reconnect`, until their transfers are done.
    private var older: [Connections] = []
    private var idle: [Transfer] = []
    private var isClosed = false

    /// - Parameter loop: whose guest it is; nil for one of its own.
    package init(_ settings: CurlSettings, on loop: Loop? = nil) {
        _ = CurlTransport.globalInit
        self.settings = settings
        self.loop = loop ?? Loop()
        ownsLoop = loop == nil
        connections = Connections(settings)
        self.loop.perform { self.loop.host(self) }
    }

    package func post(path: String, body: [UInt8]) async throws(TransportFailure) -> HTTPReply {
        // What leaves the loop only a profiler would see: the tests' builds end here.
        assert(ownsLoop || loop.isHere, "a call that is made beside the loop")
        let url = "\(settings.endpoint)/\(path)"
        let outcome = await withUnsafeContinuation { continuation in
            loop.perform { [self] in
                begin(
                    Request(url: url, body: body) { continuation.resume(returning: $0) })
            }
        }
        return try outcome.get()
    }

    /// Later posts fail at once; the connections are closed once the transfers under way are done.
    package func close() {
        loop.perform { [self] in isClosed = true }
        if ownsLoop { loop.end() }
    }

    package func reconnect() {
        loop.perform { [self] in
            guard !isClosed else { return }
            older.append(connections)
            connections = Connections(settings)
        }
    }

    private func begin(_ request: Request) {
        guard !isClosed else {
            return request.deliver(
                .failure(
                    TransportFailure(problem: "the program is stopping", mayHaveArrived: false)))
        }
        connections.begin(
            request, with: idle.popLast() ?? Transfer(settings), now: Loop.now)
    }

    // MARK: On the loop

    package var isIdle: Bool { connections.isIdle && older.isEmpty }

    package func turn(now: MonotonicTime) {
        idle += connections.perform(now: now)
        for index in older.indices { idle += older[index].perform(now: now) }
        older.removeAll { $0.closeIfIdle() }
        guard isClosed, isIdle else { return }
        idle = []
        _ = connections.closeIfIdle()
        loop.host(nil)
    }

    package func wait(for descriptor: Int32, atMost milliseconds: Int32) {
        // Nothing wakes the loop for the older ones.
        let limit = older.isEmpty ? milliseconds : min(10, milliseconds)
        connections.wait(for: descriptor, atMost: limit)
    }

    private static let globalInit = {
        // libcurl would write the keys of every connection into the file that this names.
        unsetenv("SSLKEYLOGFILE")
        return curl_global_init(Int(CURL_GLOBAL_ALL))
    }()
}

/// One post on its way.
struct Request: Sendable {
    let url: String
    let body: [UInt8]
    let deliver: @Sendable (Transfer.Outcome) -> Void
}
