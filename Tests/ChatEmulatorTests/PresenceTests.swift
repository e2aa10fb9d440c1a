import ChatEmulator
import Testing

/// Visits of phones, and what is reported of them.
@Suite struct PhonesThatComeAndGo {
    private func cloud(users: Int = 50, idle: Double = 2) -> CloudCore {
        var options = EmulatorOptions()
        options.users = users
        options.visitSeconds = 10
        options.idleVisits = idle
        return CloudCore(options)
    }

    /// A tenth of a second each, two changes a second while it lasts.
    private func notices(_ core: CloudCore, seconds: Int, changes: Bool = true)
        -> [PresenceNotice]
    {
        (0..<seconds * 10).flatMap { tenth in
            let now = EmulatorTime(
                nanoseconds: Int64(tenth) * 100_000_000, seconds: 1_800_000_000 + Int64(tenth / 10))
            return core.visit(changes && tenth % 5 == 0 ? 1 : 0, now: now)
        }
    }

    @Test func comeBeforeTheyGo_andAreNeverThereTwice() {
        var online: Set<String> = []
        var ends: Set<PresenceNotice.Action> = []
        for notice in notices(cloud(), seconds: 300) {
            if notice.action == .login {
                #expect(online.insert(notice.user).inserted)
            } else {
                #expect(online.remove(notice.user) != nil)
                ends.insert(notice.action)
            }
        }
        #expect(ends == [.logout, .disconnect])
    }

    @Test func changeThingsOnlyWhileTheyAreThere() {
        let core = cloud(users: 10)
        var online: Set<String> = []
        var lines = self.lines(core)
        var changes = 0
        for tenth in 0..<1200 {
            let now = EmulatorTime(
                nanoseconds: Int64(tenth) * 100_000_000, seconds: 1_800_000_000 + Int64(tenth / 10))
            let notices = core.visit(tenth % 20 == 0 ? 1 : 0, now: now)
            let there = online.union(notices.map(\.user))
            let new = self.lines(core)
            for (user, line) in new where lines[user] != line {
                #expect(there.contains(user))
                changes += 1
            }
            lines = new
            for notice in notices {
                if notice.action == .login {
                    online.insert(notice.user)
                } else {
                    online.remove(notice.user)
                }
            }
        }
        #expect(changes > 20)
    }

    @Test func withTheSameSeed_areTheSame() {
        #expect(notices(cloud(), seconds: 60) == notices(cloud(), seconds: 60))
    }

    @Test func withIdleVisits_comeMoreOften() {
        let few = notices(cloud(users: 5000, idle: 0), seconds: 60).filter { $0.action == .login }
        let many = notices(cloud(users: 5000, idle: 4), seconds: 60).filter { $0.action == .login }
        #expect(many.count > 4 * few.count)
    }

    /// What the cloud keeps, by user.
    private func lines(_ core: CloudCore) -> [String: [UInt8]] {
        var lines: [String: [UInt8]] = [:]
        var number = 0
        core.export(now: EmulatorTime(nanoseconds: 0, seconds: 1_800_000_000)) { line in
            number += 1
            lines[CloudCore.userName(number)] = line
        }
        return lines
    }
}
