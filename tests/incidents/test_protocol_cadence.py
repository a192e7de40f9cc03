"""Update clocks: restart, roll-over, promise, reminder, and what a change of severity does to them."""

from datetime import datetime

import pytest

from incidentdesk.kernel.stamps import stamp
from incidents.protocol import clocks, owing
from tests.incidents.story import ALEX, JORDAN, SARAH, TUESDAY, Story


def sent(story: Story, at: float, *to: str, promise: float | None = None, said: float | None = None) -> None:
    payload = {"to": list(to)} | ({} if promise is None else {"next": stamp(story.moment(promise))})
    story.add(at, "update.sent", JORDAN, said, **payload)


@pytest.mark.ledger("CLK-15", "CLK-13")
def test_a_sent_update_restarts_its_clock_from_the_sending() -> None:
    story = Story().lead()

    sent(story, 4, "responders")

    assert story.reading("update.responders", 4).word == "met"
    following = story.reading("update.responders", 4, n=2)
    assert (following.word, story.minute_of(following.due)) == ("running", 19)


@pytest.mark.ledger("CLK-15")
def test_the_next_time_cannot_be_later_than_the_cadence_allows_nor_be_left_out() -> None:
    story = Story().lead()

    def gates(promise: float | None) -> list[str]:
        fields = {"to": ["responders"]} | ({} if promise is None else {"next": stamp(story.moment(promise))})
        return [block.id for block in story.blocks(3, "update.sent", **fields)]

    assert gates(18) == []
    assert gates(12) == []
    assert gates(18 + 1 / 60) == ["CLK-15"]
    assert gates(3) == ["CLK-15"]
    assert gates(None) == ["CLK-15"]


@pytest.mark.ledger("CLK-15")
def test_a_promise_made_sooner_than_the_cadence_is_kept() -> None:
    story = Story().lead()

    sent(story, 3, "clients", promise=9)

    assert story.minute_of(story.reading("update.clients", 3, n=2).due) == 9


def test_a_text_that_only_counts_for_an_audience_never_moves_its_promised_time_later() -> None:
    story = Story().lead()
    sent(story, 3, "clients", promise=9)

    sent(story, 5, "public", promise=20)

    assert story.minute_of(story.reading("update.clients", 5, n=3).due) == 9
    assert story.minute_of(story.reading("update.public", 5, n=2).due) == 20


def test_a_public_text_counts_for_responders_and_clients_only_where_the_setting_says_so() -> None:
    counts = Story().lead()
    apart = Story().open(1, options={"public_counts": False}).declare()

    for story in (counts, apart):
        sent(story, 3, "public")

    assert counts.reading("update.clients", 3).word == counts.reading("client_notice", 3).word == "met"
    assert apart.reading("update.clients", 3).word == apart.reading("client_notice", 3).word == "running"
    assert apart.reading("update.public", 3).word == "met"


@pytest.mark.ledger("CLK-16")
def test_the_comms_lead_is_reminded_three_minutes_before_and_the_ic_hears_two_minutes_after() -> None:
    story = Story().lead()

    steps = {step: minute for clock, step, minute in story.tick(22) if clock == "update.public"}

    assert steps == {"remind": 12, "overdue": 15, "overdue_ic": 17, "overdue_manager": 20}
    told = {step.name: step.to for step in story.protocol.clock["update.public"].steps}
    assert (told["remind"], told["overdue_ic"], told["overdue_manager"]) == (
        ("owes",),
        ("ic",),
        ("manager",),
    )
    assert owing.LINES[story.protocol.clock["update.public"].owes] == ("comms", "ic", "owner")


def test_an_update_sent_between_due_and_due_plus_period_is_met_late() -> None:
    story = Story().lead()

    sent(story, 30, "executives")

    reading = story.reading("executive", 30)
    assert (reading.word, reading.by) == ("late", 15)
    assert story.minute_of(story.reading("executive", 30, n=2).due) == 45


@pytest.mark.parametrize(
    ("zero", "severity", "clock", "period"),
    [(TUESDAY, 1, "executive", 15), (TUESDAY.replace(hour=9), 3, "update.responders", 120)],
    ids=["by the wall", "in business hours"],
)
def test_an_update_sent_at_the_very_instant_of_a_roll_over_comes_before_it(
    zero: datetime, severity: int, clock: str, period: float
) -> None:
    to = Story().protocol.clock[clock].audience
    for rolled in (1, 2):
        story = Story(zero).lead(severity)

        sent(story, (rolled + 1) * period, to)

        ended = [each for each in story.readings((rolled + 1) * period) if each.clock == clock][:-1]
        assert [each.word for each in ended] == ["missed"] * (rolled - 1) + ["late"]
        assert (ended[-1].n, ended[-1].by) == (rolled, period)


def test_the_next_update_of_all_is_the_one_that_is_due_first() -> None:
    story = Story().lead()

    sent(story, 4, "public")  # which counts for responders and clients too, and not for executives
    sent(story, 5, "responders", promise=9)

    due = clocks.next_update(story.protocol, story.state)
    assert story.minute_of(due) == 9
    sent(story, 6, "responders")
    assert story.minute_of(clocks.next_update(story.protocol, story.state)) == 15


@pytest.mark.ledger("COM-05", "CLK-15")
def test_a_promise_beyond_the_cadence_never_moves_the_clock_later_than_the_cadence() -> None:
    story = Story().lead()

    sent(story, 3, "clients", promise=40)

    assert story.minute_of(story.reading("update.clients", 3, n=2).due) == 18


def test_at_due_plus_period_an_unsent_update_is_missed_and_the_next_is_overdue_from_its_start() -> None:
    story = Story().lead()

    before, missed = story.reading("executive", 30 - 1 / 60), story.reading("executive", 30)

    assert before.word == "overdue"
    assert (missed.word, missed.by, story.minute_of(missed.due)) == ("missed", 15, 15)
    following = story.reading("executive", 30, n=2)
    assert (following.word, following.by, story.minute_of(following.due)) == ("overdue", 0, 30)


def test_readings_are_the_same_whether_the_tick_has_recorded_the_roll_over_or_not() -> None:
    silent, ticked = Story().lead(), Story().lead()

    ticked.tick(50, inclusive=True)

    for minute in (50, 58, 65):
        said, recorded = silent.readings(minute), ticked.readings(minute)
        overdue = [(r.clock, r.due, r.by) for r in said if r.word == "overdue"]
        assert overdue == [(r.clock, r.due, r.by) for r in recorded if r.word == "overdue"]
        assert sum(r.times for r in said if r.clock == "executive" and r.word == "missed") == sum(
            r.times for r in recorded if r.clock == "executive" and r.word == "missed"
        )


def test_after_an_outage_several_roll_overs_are_one_entry_that_says_how_many() -> None:
    story = Story().lead()

    story.add(65, "clock.rolled", None, clock="executive", subject="")

    missed = story.reading("executive", 65)
    assert (missed.word, missed.times) == ("missed", 3)
    assert story.minute_of(story.reading("executive", 65, n=4).due) == 60


@pytest.mark.ledger("CLK-39")
def test_an_update_is_counted_once_it_was_due_or_sent_after_its_reminder_and_not_when_sent_earlier() -> None:
    story = Story().lead()

    sent(story, 4, "public")
    sent(story, 17, "public")
    sent(story, 40, "public")

    assert [story.reading("update.public", 40, n=n).counted for n in (1, 2, 3)] == [False, True, True]


def test_at_resolve_what_is_not_yet_due_is_void_and_what_is_due_is_missed() -> None:
    story = Story().lead()
    sent(story, 10, "public")

    story.add(20, "status.moved", SARAH, **{"from": "monitoring", "to": "resolved"})

    assert story.reading("update.public", 20, n=2).word == "void"
    missed = story.reading("executive", 20)
    assert (missed.word, missed.by) == ("missed", 5)


@pytest.mark.ledger("SEV-23")
@pytest.mark.parametrize(
    ("old", "new", "change", "due"),
    [
        (2, 1, 4, 15),  # the new cadence from the last update
        (2, 1, 20, 20),  # that has passed: due at the change
        (1, 2, 4, 15),  # a downgrade never moves it later
    ],
)
def test_after_a_change_of_severity_the_next_update_is_due_by_the_shorter_cadence(
    old: int, new: int, change: float, due: float
) -> None:
    story = Story().lead(old)

    story.add(change, "severity.set", SARAH, to=new, announce=True)

    assert story.minute_of(story.reading("update.clients", change).due) == due


@pytest.mark.ledger("SEV-23")
def test_an_update_already_overdue_keeps_its_due_time_through_a_change() -> None:
    story = Story().lead(2)

    story.add(34, "severity.set", SARAH, to=1, announce=True)

    reading = story.reading("update.clients", 34)
    assert (reading.word, story.minute_of(reading.due)) == ("overdue", 30)
    missed, following = story.reading("update.clients", 45), story.reading("update.clients", 45, n=2)
    assert (missed.word, story.minute_of(following.due)) == ("missed", 45)


@pytest.mark.ledger("SEV-23")
def test_reminders_whose_moment_has_passed_are_skipped_and_other_steps_come_at_once() -> None:
    story = Story().lead(2)
    story.tick(14)

    story.add(14, "severity.set", SARAH, to=1, announce=True)

    steps = [(step, minute) for clock, step, minute in story.tick(18) if clock == "update.clients"]
    assert steps == [("overdue", 15), ("overdue_ic", 17)]


@pytest.mark.ledger("SEV-23")
def test_clocks_that_did_not_apply_before_count_from_the_upgrade() -> None:
    story = Story().lead(3)

    story.add(20, "severity.set", SARAH, to=1, announce=True)

    assert story.minute_of(story.reading("client_notice", 20).due) == 25
    assert story.minute_of(story.reading("leadership", 20).due) == 50
    assert story.minute_of(story.reading("update.clients", 20).due) == 35


@pytest.mark.ledger("SEV-23")
def test_on_a_downgrade_what_is_not_yet_due_is_void_and_what_is_due_is_missed() -> None:
    story = Story().lead(1)

    story.add(7, "severity.set", SARAH, to=3, announce=True)

    assert story.reading("theory", 7).word == "void"
    missed = story.reading("client_notice", 7)
    assert (missed.word, missed.by) == ("missed", 2)


def test_a_declaration_at_another_severity_than_presumed_voids_what_no_longer_applies() -> None:
    story = Story().open(1)

    story.declare(3, at=3)

    assert {story.reading(clock, 3).word for clock in ("lead", "bridge", "blast_radius", "theory")} == {
        "void"
    }
    assert not [reading for reading in story.readings(3) if reading.clock == "announce"]


def test_a_severity_that_changes_twice_owes_two_announcements() -> None:
    story = Story().lead(3)

    story.add(10, "severity.set", SARAH, to=2, announce=True)
    sent(story, 12, "responders")
    story.add(20, "severity.set", SARAH, to=1, announce=True)

    assert story.reading("announce", 21).word == "met"
    assert story.minute_of(story.reading("announce", 21, n=2).due) == 25


@pytest.mark.ledger("SEV-19", "COM-29")
@pytest.mark.parametrize(("second", "word"), [(13, "void"), (15, "void"), (40, "missed")])
def test_a_second_change_of_severity_owes_its_own_announcement_also_before_the_first_was_made(
    second: float, word: str
) -> None:
    story = Story().lead(3)
    story.add(10, "severity.set", SARAH, to=2, announce=True)
    story.tick(second)

    story.add(second, "severity.set", SARAH, to=1, announce=True)

    assert story.reading("announce", second).word == word
    assert story.minute_of(story.reading("announce", second, n=2).due) == second + 5
    steps = [(step, minute) for clock, step, minute in story.tick(second + 9) if clock == "announce"]
    assert steps == [("overdue", second + 5), ("overdue_ic", second + 7)]
    sent(story, second + 9, "responders")
    assert (story.reading("announce", second + 9, n=2).word, story.reading("announce", 50, n=2).by) == (
        "late",
        4,
    )


@pytest.mark.ledger("SEV-23")
def test_a_rise_re_derives_paging_at_once() -> None:
    story = Story().open(3)
    story.page()

    story.declare(1, at=10, by=ALEX)

    steps = [(clock, minute) for clock, _, minute in story.tick(16) if clock in ("chain", "ack", "response")]
    assert steps[0] == ("chain", 10)
    assert ("ack", 15) in steps
    assert story.reading("response", 16).word == "void"
    assert story.minute_of(story.reading("ack", 16).due) == 15


@pytest.mark.ledger("SEV-23")
def test_after_a_rise_a_waiting_change_and_a_call_count_from_it() -> None:
    story = Story().lead(4)
    story.add(1, "seat.named", SARAH, seat="ops", user=ALEX)
    story.add(2, "change.proposed", JORDAN, change=1, risk=True)
    story.add(2, "change.proposed", JORDAN, change=2, risk=True)
    story.add(3, "change.approved", SARAH, change=2)
    assert not [r for r in story.readings(9) if r.clock in ("decision", "seat")]

    story.add(10, "severity.set", SARAH, to=2, announce=True)

    assert story.minute_of(story.reading("decision", 10).due) == 15
    assert story.reading("decision", 10).subject == "1"
    assert story.minute_of(story.reading("seat", 10).due) == 12


def test_a_window_that_sev_3_did_not_need_counts_from_the_rise() -> None:
    story = Story().lead(3)
    story.add(5, "impact.ended", SARAH)

    story.add(20, "severity.set", SARAH, to=1, announce=True)

    assert story.minute_of(story.reading("stabilisation", 20).due) == 35
