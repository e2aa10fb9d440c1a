import ChatModel
import SyncRules
import Testing

@Suite struct TheCalendar {
    private let noon = WallTime(seconds: 1_767_268_800)

    /// What is said of the calendar at these seconds when it shows noon and the seconds beside them.
    private func answers(_ looks: (clock: Int, calendar: Int)...) -> [Bool] {
        var calendar = CalendarWatch(now: .zero, wall: noon)
        return looks.map {
            calendar.isSteady(now: .zero + .seconds($0.clock), wall: noon + .seconds($0.calendar))
        }
    }

    @Test func theCalendarIsBelievedAfterAnHour() {
        #expect(answers((3599, 3599), (3600, 3600)) == [false, true])
    }

    @Test(arguments: [-86_400, -61, 61, 86_400])
    func theCalendarThatJumps_isBelievedAnHourLater(jump: Int) {
        #expect(
            answers((3600, 3600 + jump), (7199, 7199 + jump), (7200, 7200 + jump))
                == [false, false, true])
    }

    /// As some programs set it: a little at a time.
    @Test(arguments: [-60, 60])
    func theCalendarThatIsCorrectedInSmallSteps_isBelieved(step: Int) {
        #expect(
            answers((1200, 1200 + step), (2400, 2400 + 2 * step), (3600, 3600 + 3 * step))
                == [false, false, true])
    }
}
