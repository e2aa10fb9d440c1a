import ChatAPI
import ChatModel
import CurlTransport
import Foundation

/// The door to the network alone, in this process: what the daemon's figures are compared with.
struct BareDoor {
    private let transport: CurlTransport
    private let path: String
    private let endpoint: String
    private let users: Int

    init(_ bed: Bed, users: Int) throws {
        self.users = users
        let key = try SecretKey(
            contents: String(contentsOfFile: bed.folder + "/secret.key", encoding: .utf8))
        let usersig = try UserSig(
            sdkAppID: 1_400_000_000, identifier: "administrator",
            time: WallTime(seconds: Int64(Date().timeIntervalSince1970)), lifetime: .seconds(3600)
        ).text(key: key)
        path =
            "v4/recentcontact/get_contact_group?sdkappid=1400000000&identifier=administrator"
            + "&usersig=\(usersig)&random=1&contenttype=json"
        endpoint = bed.address
        transport = CurlTransport(
            CurlSettings(
                endpoint: bed.address, timeout: .seconds(10), connections: 110,
                trustedCertificates: nil))
    }

    /// A hundred callers side by side, for ten seconds.
    func callsPerSecond() async throws -> Double {
        defer { transport.close() }
        let start = Date()
        let end = start.addingTimeInterval(10)
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for lane in 0..<100 {
                group.addTask {
                    var count = 0
                    while Date() < end {
                        try await call(lane * 199 + count)
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        return Double(count) / Date().timeIntervalSince(start)
    }

    /// Processor time of one call when there is one every 5 ms, in seconds, and how often a thread had to wait.
    func costAtTheOrdinaryRate(calls: Int) async throws -> (time: Double, switches: Double) {
        defer { transport.close() }
        let before = Usage.now
        for number in 0..<calls {
            try await call(number)
            try await Task.sleep(for: .milliseconds(5), tolerance: .zero)
        }
        return (Usage.now - before).perCall(calls)
    }

    /// The same calls by libcurl alone.
    func plain() throws -> PlainCurl { try PlainCurl(url: "\(endpoint)/\(path)", users: users) }

    private func call(_ number: Int) async throws {
        let name = String(format: "user%08d", 1 + number % users)
        let body = #"{"From_Account":"\#(name)","StartIndex":0}"#
        _ = try await transport.post(path: path, body: Array(body.utf8))
    }
}
