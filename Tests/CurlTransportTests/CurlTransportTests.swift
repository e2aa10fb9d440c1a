import ChatAPI
import ChatModel
import CurlTransport
import Foundation
import LoopThread
import TestSupport
import Testing

/// Real HTTP to a server on this machine that behaves in every bad way.
@Suite struct TheDoorToTheNetwork {
    private func transport(_ port: UInt16, timeout: Duration = .seconds(60)) -> CurlTransport {
        CurlTransport(
            CurlSettings(
                endpoint: "http://127.0.0.1:\(port)", timeout: timeout, connections: 10,
                trustedCertificates: nil))
    }

    /// Posts once to a server that behaves so.
    private func post(
        timeout: Duration = .seconds(60), _ behave: @escaping HostileServer.Behaviour
    ) async throws -> HTTPReply {
        let server = try HostileServer(behave)
        let transport = transport(server.port, timeout: timeout)
        defer {
            transport.close()
            server.close()
        }
        return try await transport.post(path: "v4/x?usersig=secret", body: Array("{}".utf8))
    }

    private func failure(
        timeout: Duration = .seconds(60), _ behave: @escaping HostileServer.Behaviour
    ) async throws -> TransportFailure {
        do {
            let reply = try await post(timeout: timeout, behave)
            throw NeverHappened(what: "a failure; status \(reply.status)")
        } catch let failure as TransportFailure {
            return failure
        }
    }

    @Test func aReply_comesWithStatusAndBody() async throws {
        let reply = try await post { _, socket in
            HostileServer.respond(Array("hello".utf8), to: socket)
        }
        #expect(reply.status == 200 && reply.body == Array("hello".utf8))
    }

    @Test func theRequest_isAPOSTWithItsBodyAndAsksForNoEncoding() async throws {
        let seen = Shared("")
        _ = try await post { request, socket in
            seen.change { $0 = String(decoding: request, as: UTF8.self) }
            HostileServer.respond([], to: socket)
        }
        #expect(seen.value.hasPrefix("POST /v4/x?usersig=secret HTTP/1.1\r\n"))
        #expect(seen.value.hasSuffix("\r\n\r\n{}"))
        #expect(!seen.value.lowercased().contains("accept-encoding"))
        #expect(!seen.value.lowercased().contains("expect:"))
    }

    @Test func afterAReconnect_callsUseNewConnections() async throws {
        let server = try HostileServer { _, socket in HostileServer.respond([], to: socket) }
        let transport = transport(server.port)
        defer {
            transport.close()
            server.close()
        }
        for _ in 1...3 { _ = try await transport.post(path: "x", body: []) }
        // Beside many other tests a connection may have been idle for too long once already.
        let before = server.connectionCount
        transport.reconnect()
        _ = try await transport.post(path: "x", body: [])
        #expect(server.connectionCount == before + 1)
    }

    @Test func callsUnderWay_surviveAReconnect() async throws {
        let (arrived, mayAnswer) = (Shared(false), Shared(false))
        let server = try HostileServer { _, socket in
            arrived.change { $0 = true }
            while !mayAnswer.value { usleep(1000) }
            HostileServer.respond(Array("late".utf8), to: socket)
        }
        let transport = transport(server.port)
        defer {
            transport.close()
            server.close()
        }
        async let early = transport.post(path: "x", body: [])
        while !arrived.value { await Task.yield() }
        transport.reconnect()
        mayAnswer.change { $0 = true }
        #expect(try await early.body == Array("late".utf8))
    }

    /// libcurl counts whole seconds by its own clock.
    @Test func aConnection_doesNotLiveForEver() async throws {
        let server = try HostileServer { _, socket in HostileServer.respond([], to: socket) }
        let transport = CurlTransport(
            CurlSettings(
                endpoint: "http://127.0.0.1:\(server.port)", timeout: .seconds(60),
                connections: 10, trustedCertificates: nil, longestConnection: .seconds(1)))
        defer {
            transport.close()
            server.close()
        }
        let end = Date(timeIntervalSinceNow: 600)
        while server.connectionCount < 2, Date() < end {
            _ = try await transport.post(path: "x", body: [])
        }
        #expect(server.connectionCount >= 2)
    }

    /// A gateway may have passed the call on and answer in its own way.
    @Test(arguments: ["<html>hello</html>", "HTTP/0.9", "\u{0}\u{1}\u{2}", "SSH-2.0-x\r\n"])
    func anAnswerThatIsNotHTTP_leavesTheCallInDoubt(text: String) async throws {
        let failure = try await failure { _, socket in
            HostileServer.send(Array(text.utf8), to: socket)
            shutdown(socket, Int32(SHUT_RDWR))
        }
        #expect(failure.mayHaveArrived)
        #expect(!failure.advice.contains("app.endpoint"), "\(failure.problem)")
        #expect(!failure.problem.contains("usersig"))
    }

    /// Whatever libcurl calls it: once bytes have left, the server may have the request.
    @Test(arguments: 1..<(UInt32(100)))
    func aFailureAfterSending_leavesTheCallInDoubt(code: UInt32) {
        for isProxied in [false, true] {
            let failure = TransportFailure(
                code: code, hasSent: true, detail: "", timeout: .seconds(1), isProxied: isProxied)
            #expect(failure.mayHaveArrived)
            #expect(!failure.advice.contains("app.endpoint"))
        }
    }

    /// What libcurl says before it sends: the URL, the protocol, names, connecting, TLS. Everything else
    /// is in doubt.
    @Test(arguments: 1..<(UInt32(100)))
    func aFailureWithNothingSent_isCertainOnlyForAShortList(code: UInt32) {
        let failure = TransportFailure(
            code: code, hasSent: false, detail: "", timeout: .seconds(1), isProxied: false)
        #expect(failure.mayHaveArrived == ![1, 3, 5, 6, 7, 35, 60, 77, 83].contains(code))
    }

    @Test func theHeadersThatCount_areRead() async throws {
        let reply = try await post { _, socket in
            HostileServer.respond(
                [], status: "429 Too Many Requests",
                headers: "Retry-After: 7\r\nDate: Thu, 01 Jan 2026 00:00:05 GMT\r\n", to: socket)
        }
        #expect(reply.retryAfter == .seconds(7))
        #expect(reply.date == WallTime(seconds: 1_767_225_605))
    }

    @Test func headersThatMakeNoSense_areNone() async throws {
        let reply = try await post { _, socket in
            HostileServer.respond(
                [], headers: "Retry-After: soon\r\nDate: tomorrow\r\n", to: socket)
        }
        #expect(reply.retryAfter == nil && reply.date == nil)
    }

    @Test func aChunkedReply_isPutTogether() async throws {
        let reply = try await post { _, socket in
            HostileServer.send(
                Array(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                        .utf8),
                to: socket)
        }
        #expect(reply.body == Array("abc".utf8))
    }

    @Test func aRedirect_isNotFollowed() async throws {
        let reply = try await post { _, socket in
            HostileServer.respond(
                [], status: "302 Found", headers: "Location: http://127.0.0.1:1/\r\n", to: socket)
        }
        #expect(reply.status == 302)
    }

    @Test func aHundredMegabytes_areCutOffEarly() async throws {
        let sent = Shared(0)
        let failure = try await failure { _, socket in
            HostileServer.send(
                Array("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n".utf8), to: socket)
            let piece = [UInt8](repeating: 0x20, count: 1 << 20)
            for _ in 0..<100 where HostileServer.send(piece, to: socket) {
                sent.change { $0 += 1 }
            }
        }
        #expect(failure.problem.contains("over 4194304 bytes"))
        #expect(sent.value < 20)
    }

    @Test func chunksWithoutEnd_areCutOffEarly() async throws {
        let failure = try await failure { _, socket in
            HostileServer.send(
                Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8), to: socket)
            let chunk =
                Array("10000\r\n".utf8) + [UInt8](repeating: 0x20, count: 65_536)
                + Array("\r\n".utf8)
            for _ in 0..<10_000 where !HostileServer.send(chunk, to: socket) { return }
        }
        #expect(failure.problem.contains("over 4194304 bytes"))
    }

    @Test func aCompressedReplyThatNobodyAskedFor_staysAsItCame() async throws {
        let bytes: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0]
        let reply = try await post { _, socket in
            HostileServer.respond(bytes, headers: "Content-Encoding: gzip\r\n", to: socket)
        }
        #expect(reply.body == bytes)
    }

    @Test func aReplyThatEndsEarly_isAFailure() async throws {
        let failure = try await failure { _, socket in
            HostileServer.send(
                Array("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort".utf8), to: socket)
            shutdown(socket, Int32(SHUT_RDWR))
        }
        #expect(failure.mayHaveArrived)
    }

    @Test func aConnectionThatIsReset_isAFailure() async throws {
        let failure = try await failure { _, socket in HostileServer.reset(socket) }
        #expect(failure.mayHaveArrived)
        #expect(failure.problem.hasPrefix("the connection broke"))
    }

    @Test func whatIsNoHTTP_isAFailure() async throws {
        _ = try await failure { _, socket in
            HostileServer.send(Array("SSH-2.0-OpenSSH_9\r\n".utf8), to: socket)
            shutdown(socket, Int32(SHUT_RDWR))
        }
    }

    @Test func aServerThatNeverAnswers_isGivenUpAfterTheTimeout() async throws {
        let failure = try await failure(timeout: .milliseconds(300)) { _, socket in
            var byte: UInt8 = 0
            _ = recv(socket, &byte, 1, 0)
        }
        #expect(failure.problem == "no answer within 0.3 s")
        #expect(failure.mayHaveArrived)
    }

    /// libcurl's own limit would count the time in which nothing could read the answer.
    @Test func anAnswerThatCameWhileTheLoopWasBlocked_isStillRead() async throws {
        let loop = Loop()
        let isAnswered = DispatchSemaphore(value: 0)
        let server = try HostileServer { _, socket in
            HostileServer.respond(Array("hello".utf8), to: socket)
            isAnswered.signal()
        }
        let transport = CurlTransport(
            CurlSettings(
                endpoint: "http://127.0.0.1:\(server.port)", timeout: .milliseconds(200),
                connections: 10, trustedCertificates: nil), on: loop)
        defer {
            transport.close()
            loop.end()
            server.close()
        }
        let status = try await withTaskExecutorPreference(loop) {
            async let reply = transport.post(path: "x", body: [])
            // Until the request has left; the answer comes while this job keeps the loop.
            for _ in 0..<1000 {
                try await loop.sleep(until: Loop.now + .milliseconds(1))
                if server.connectionCount > 0 { break }
            }
            let start = Loop.now
            isAnswered.block()
            while Loop.now < start + .milliseconds(400) {}
            return try await reply.status
        }
        #expect(status == 200)
        #expect(loop.blocked > 0)
    }

    @Test func nobodyListening_neverArrived() async throws {
        let port = try LoopbackPort()
        defer { withExtendedLifetime(port) {} }
        let transport = transport(port.number)
        defer { transport.close() }
        do {
            _ = try await transport.post(path: "x", body: [])
            Issue.record("it was answered")
        } catch {
            #expect(!error.mayHaveArrived)
            #expect(error.problem.hasPrefix("no connection"))
        }
    }

    @Test func aNameThatDoesNotResolve_neverArrived() async throws {
        let transport = CurlTransport(
            CurlSettings(
                endpoint: "https://\(LoopbackPort.noHost)", timeout: .seconds(60), connections: 1,
                trustedCertificates: nil))
        defer { transport.close() }
        do {
            _ = try await transport.post(path: "x?usersig=secret", body: [])
            Issue.record("it was answered")
        } catch {
            #expect(!error.mayHaveArrived)
            #expect(error.problem.contains("no address was found"))
            #expect(!error.problem.contains("secret"))
        }
    }

    /// libcurl would send the request again by itself when a kept connection dies under it.
    @Test func whenAKeptConnectionDies_theRequestIsNotSentAgain() async throws {
        let server = try HostileServer { request, socket in
            if String(decoding: request, as: UTF8.self).contains("/first") {
                HostileServer.respond(Array("ok".utf8), to: socket)
            } else {
                shutdown(socket, Int32(SHUT_RDWR))
            }
        }
        let transport = transport(server.port)
        defer { transport.close() }
        _ = try await transport.post(path: "first", body: Array("{}".utf8))
        do {
            _ = try await transport.post(path: "second", body: Array("{}".utf8))
            Issue.record("it was answered")
        } catch {
            #expect(error.mayHaveArrived)
        }
        #expect(server.requestCount == 2)
        server.close()
    }

    @Test func manyAtOnce_eachGetItsOwnReply() async throws {
        let server = try HostileServer { request, socket in
            let text = String(decoding: request, as: UTF8.self)
            HostileServer.respond(Array(text.suffix(4).utf8), to: socket)
        }
        // Two hundred threads on a busy machine take their time.
        let transport = transport(server.port, timeout: .seconds(600))
        defer { transport.close() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1000..<1200 {
                group.addTask {
                    let reply = try await transport.post(path: "x", body: Array("\(number)".utf8))
                    #expect(String(decoding: reply.body, as: UTF8.self) == "\(number)")
                }
            }
            try await group.waitForAll()
        }
        server.close()
    }

    @Test func afterClosing_postsFailAtOnce() async throws {
        let transport = transport(1)
        transport.close()
        await #expect(throws: TransportFailure.self) {
            try await transport.post(path: "x", body: [])
        }
    }
}

extension DispatchSemaphore {
    /// Keeps the thread that calls it, which is meant here.
    fileprivate nonisolated func block() { wait() }
}
