import ChatAPI
import ChatEmulator
import ChatModel
import Testing

/// The core of the emulator, called as the wire calls it; specified by the vendor's documentation.
private final class Cloud {
    let core: CloudCore
    var nanoseconds: Int64 = 0
    var seconds: Int64 = 1_767_300_000

    init(faults: [Fault] = [], _ change: (inout EmulatorOptions) -> Void = { _ in }) {
        var options = EmulatorOptions()
        options.users = 3
        options.conversations = 0
        change(&options)
        core = CloudCore(options, faults: faults)
    }

    func usersig(
        app: Int64 = 1_400_000_000, admin: String = "administrator",
        key: String = EmulatorOptions().key, at time: Int64 = 1_767_300_000
    ) throws -> String {
        try UserSig(
            sdkAppID: app, identifier: admin, time: WallTime(seconds: time), lifetime: .seconds(100)
        ).text(key: try SecretKey(contents: key))
    }

    /// The reply to a call, as JSON.
    func call(
        _ command: String, _ body: String, app: Int64 = 1_400_000_000,
        identifier: String = "administrator", usersig: String? = nil
    ) throws -> JSON {
        let usersig = try usersig ?? self.usersig()
        let path =
            "v4/recentcontact/\(command)?sdkappid=\(app)&identifier=\(identifier)"
            + "&usersig=\(usersig)&random=1&contenttype=json"
        nanoseconds += 10_000_000
        let reply = core.handle(
            EmulatorCall(path: path, body: Array(body.utf8)),
            now: EmulatorTime(nanoseconds: nanoseconds, seconds: seconds))
        guard case .reply(_, let bytes, _) = reply, let json = JSON(parsing: bytes) else {
            return .null
        }
        return json
    }

    func code(_ command: String, _ body: String) throws -> Int64? {
        try call(command, body)["ErrorCode"]?.number
    }

    func create(_ name: String, _ peers: String...) throws -> JSON {
        let items = peers.map { #"{"Type":1,"To_Account":"\#($0)"}"# }.joined(separator: ",")
        return try call(
            "create_contact_group",
            #"{"From_Account":"user00000001","GroupContactItem":[{"GroupName":"\#(name)","ContactItem":[\#(items)]}]}"#
        )
    }

    func listing() throws -> JSON {
        try call("get_contact_group", #"{"From_Account":"user00000001","StartIndex":0}"#)
    }
}

@Suite struct TheEmulatorsGateway {
    @Test func everyFaultOfASignature_hasItsCode() throws {
        let cloud = Cloud()
        let body = #"{"From_Account":"user00000001","StartIndex":0}"#
        func code(
            _ usersig: String, app: Int64 = 1_400_000_000, identifier: String = "administrator"
        )
            throws -> Int64?
        {
            try cloud.call(
                "get_contact_group", body, app: app, identifier: identifier, usersig: usersig)[
                    "ErrorCode"]?.number
        }
        #expect(try code(cloud.usersig()) == 0)
        #expect(try code("eJnonsense") == 70003)
        #expect(try code(cloud.usersig(), app: 5) == 70014)
        #expect(try code(cloud.usersig(), identifier: "other") == 70013)
        #expect(try code(cloud.usersig(key: "made-up-other-key")) == 70009)
        #expect(try code(cloud.usersig(at: 1_767_299_900)) == 70001)
        #expect(try code(cloud.usersig(admin: "other"), identifier: "other") == 60010)
    }

    @Test func theCallBeyondTheLimit_isRefusedAndTheWidestSecondRemembered() throws {
        let cloud = Cloud { $0.rate = 5 }
        let codes = try (0..<7).map { _ in try cloud.listing()["ErrorCode"]?.number }
        #expect(codes == [0, 0, 0, 0, 0, 60007, 60007])
        cloud.nanoseconds += 1_000_000_000
        #expect(try cloud.listing()["ErrorCode"]?.number == 0)
        let stats = cloud.core.stats["commands"]?["get_contact_group"]
        #expect(stats?["widest_second"]?.number == 7)
        #expect(stats?["refused"]?.number == 2)
    }

    @Test func whatIsWrongWithARequest_hasItsCode() throws {
        let cloud = Cloud()
        #expect(try cloud.code("get_contact_group", "no JSON") == 60003)
        #expect(try cloud.code("get_contact_group", "{}") == 50002)
        #expect(try cloud.code("get_contact_group", #"{"From_Account":7}"#) == 60015)
        #expect(
            try cloud.code("get_contact_group", #"{"From_Account":"nobody","StartIndex":0}"#)
                == 50001)
        #expect(try cloud.code("get_contact_group", #"{"From_Account":"user00000001"}"#) == 50002)
        #expect(try cloud.code("frobnicate", "{}") == 60009)
    }

    @Test func theEmulatorsGatewayWithoutTheEdition_groupsCannotBeChanged() throws {
        let cloud = Cloud { $0.hasEdition = false }
        #expect(try cloud.create("a", "bob")["ErrorCode"]?.number == 51013)
    }
}

@Suite struct TheEmulatorsCommands {
    @Test func aGroup_isCreatedListedRenamedAndDeleted() throws {
        let cloud = Cloud()
        let created = try cloud.create("family", "bob", "carol")
        #expect(created["GroupResultItem"]?.array?[0]["GroupItem"]?["GroupId"]?.number == 1)
        #expect(try cloud.listing()["ContactItem"]?.array?.count == 2)
        let user = #""From_Account":"user00000001""#
        #expect(
            try cloud.code(
                "update_contact_group",
                "{\(user),\"UpdateType\":1,\"UpdateGroup\":{\"UpdateGroupType\":1,\"OldGroupName\":\"family\",\"NewGroupName\":\"kin\"}}"
            ) == 0)
        #expect(try cloud.listing()["GroupItem"]?.array?[0]["GroupName"]?.string == "kin")
        #expect(try cloud.listing()["GroupItem"]?.array?[0]["GroupId"]?.number == 1)
        #expect(
            try cloud.code("del_contact_group", "{\(user),\"GroupName\":[\"family\"]}") == 51009)
        #expect(try cloud.code("del_contact_group", "{\(user),\"GroupName\":[\"kin\"]}") == 0)
        #expect(try cloud.listing()["ContactItem"]?.array == [])
    }

    @Test func addsAndRemoves_mayBeMixedAndEachHasAResult() throws {
        let cloud = Cloud()
        _ = try cloud.create("family", "bob")
        let reply = try cloud.call(
            "update_contact_group",
            #"{"From_Account":"user00000001","UpdateType":1,"UpdateGroup":{"UpdateGroupType":2,"OldGroupName":"family","ContactUpdateItem":[{"ContactOptType":2,"ContactItem":{"Type":1,"To_Account":"bob"}},{"ContactOptType":1,"ContactItem":{"Type":2,"ToGroupId":"@TGS#1"}},{"ContactOptType":1,"ContactItem":{"Type":9}}]}}"#
        )
        let codes = reply["UpdateGroupResult"]?["ContactResultItem"]?.array?.map {
            $0["ResultCode"]?.number
        }
        #expect(codes == [0, 0, 50002])
        #expect(try cloud.listing()["ContactItem"]?.array?.count == 1)
    }

    /// Found by trying: groups were compared as Swift compares strings.
    @Test func twoSpellingsOfACharacter_areTwoTexts() throws {
        let (one, two) = ("caf\u{e9}", "cafe\u{301}")
        #expect(one == two)
        let cloud = Cloud()
        _ = try cloud.create(one, one, two)
        _ = try cloud.create(two, one)
        let names = try cloud.listing()["GroupItem"]?.array?.map {
            Array(($0["GroupName"]?.string ?? "").utf8)
        }
        #expect(names == [Array(one.utf8), Array(two.utf8)])
        #expect(try cloud.listing()["ContactItem"]?.array?.count == 2)
        for text in [one, two] {
            let mark = #"{"From_Account":"user00000001","MarkItem":[{"OptType":2,"ContactItem":"#
            _ = try cloud.call(
                "mark_contact",
                mark + #"{"Type":1,"To_Account":"\#(one)"},"CustomMark":"\#(text)"}]}"#)
            let contacts = try cloud.listing()["ContactItem"]?.array ?? []
            let marks = contacts.compactMap { $0["CustomMark"]?.string }.map { Array($0.utf8) }
            #expect(marks == [Array(text.utf8)])
        }
    }

    /// Found by trying: it was done in any case.
    @Test(arguments: [false, true])
    func aConversationThatFails_isLeftAsItWas_unlessTheFaultSaysThatItIsDone(isApplied: Bool) throws
    {
        let cloud = Cloud(faults: [Fault(.itemFails(51007, applied: isApplied), times: 1)])
        let reply = try cloud.create("family", "bob", "carol")
        let codes = reply["GroupResultItem"]?.array?[0]["ResultItem"]?.array?.map {
            $0["ResultCode"]?.number
        }
        #expect(codes == [51007, 0])
        let peers = try cloud.listing()["ContactItem"]?.array?.map { $0["To_Account"]?.string }
        #expect(peers == (isApplied ? ["bob", "carol"] : ["carol"]))
        _ = try cloud.create("friends", "dora")
        #expect(try cloud.listing()["ContactItem"]?.array?.count == (isApplied ? 3 : 2))
    }

    @Test func limits_haveTheirCodes() throws {
        let cloud = Cloud()
        #expect(try cloud.create("", "bob")["ErrorCode"]?.number == 51011)
        let long = String(repeating: "x", count: 65)
        #expect(try cloud.create(long, "bob")["ErrorCode"]?.number == 51011)
        for number in 0..<20 { _ = try cloud.create("group \(number)", "bob") }
        #expect(try cloud.create("one more", "bob")["ErrorCode"]?.number == 51010)
        #expect(try cloud.create("group 3", "carol")["ErrorCode"]?.number == 0)
    }

    @Test func marks_areSetClearedAndWrittenAsBinary() throws {
        let cloud = Cloud()
        let item = #""ContactItem":{"Type":1,"To_Account":"bob"}"#
        func mark(_ rest: String) throws -> Int64? {
            try cloud.code(
                "mark_contact",
                "{\"From_Account\":\"user00000001\",\"MarkItem\":[{\(item),\(rest)}]}")
        }
        #expect(try mark(#""OptType":3,"SetMark":[0,33],"CustomMark":"vip""#) == 0)
        #expect(try mark(#""OptType":1,"ClearMark":[0]"#) == 0)
        let contact = try cloud.listing()["ContactItem"]?.array?[0]
        #expect(contact?["StandardMark"]?.string == "1" + String(repeating: "0", count: 33))
        #expect(contact?["CustomMark"]?.string == "vip")
        #expect(try mark(#""OptType":1,"SetMark":[64]"#) == 50002)
    }

    @Test func aLookUp_givesWhatHasData() throws {
        let cloud = Cloud()
        _ = try cloud.create("family", "bob")
        let reply = try cloud.call(
            "search_contact_group",
            #"{"From_Account":"user00000001","ContactItem":[{"Type":1,"To_Account":"bob"},{"Type":1,"To_Account":"zoe"}]}"#
        )
        #expect(reply["ContactResultItem"]?.array?.count == 1)
    }

    @Test func theJournal_hasEveryWriteAndNoRead() throws {
        let cloud = Cloud()
        _ = try cloud.create("family", "bob")
        _ = try cloud.create("", "bob")
        _ = try cloud.listing()
        #expect(cloud.core.journalLines.count == 2)
    }

    @Test func oneSeed_isOnePopulation() {
        func export(_ seed: UInt64) -> [UInt8] {
            let cloud = Cloud {
                $0.seed = seed
                $0.conversations = nil
            }
            var lines: [UInt8] = []
            cloud.core.churn(50, now: EmulatorTime(nanoseconds: 0, seconds: 5))
            cloud.core.export(now: EmulatorTime(nanoseconds: 0, seconds: 9)) { lines += $0 }
            return lines
        }
        #expect(export(4) == export(4))
        #expect(export(4) != export(5))
    }
}

@Suite struct WritingFaults {
    @Test(arguments: [
        "502", "reset-after", "code:50005", "code:50005:applied", "item:51007",
        "item:51007:applied", "omission",
    ])
    func aFault_isReadAsItIsWritten(text: String) {
        #expect(Fault.Kind(written: text)?.written == text)
    }

    @Test(arguments: ["", "nonsense", "code:", "code:x", "code:1:often", "502=2", "502=x"])
    func anythingElse_isNone(text: String) {
        #expect(Fault(written: text) == nil)
    }
}
