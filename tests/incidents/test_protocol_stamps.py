"""What happened when, and what was entered when: back-dating, corrections, void and missed, acts before their clock."""

import pytest

from incidentdesk.kernel.stamps import stamp
from tests.incidents.story import ALEX, DANA, JORDAN, NIGHT, SARAH, Story


def waiting(at: float = 0) -> Story:
    story = Story().lead()
    story.add(at, "change.proposed", ALEX, change=1, risk=True, implementer=ALEX)
    return story


@pytest.mark.ledger("CLK-30", "APP-06")
def test_a_verbal_ok_entered_later_meets_the_clock_when_it_was_said_and_allows_a_start_from_its_entry() -> (
    None
):
    story = waiting()
    story.tick(180)
    assert [block.id for block in story.blocks(179, "change.started", by=ALEX, change=1)] == ["GATE-01"]

    story.add(180, "change.approved", SARAH, said=0, change=1)

    reading = story.reading("decision", 180)
    assert (reading.word, reading.by, reading.entered) == ("met", 0, 180)
    assert story.blocks(180, "change.started", by=ALEX, change=1) == []


@pytest.mark.ledger("CLK-01", "CLK-39")
def test_what_has_fired_stays_in_the_record_when_an_act_turns_out_to_have_been_in_time() -> None:
    story = waiting()
    story.tick(20)

    story.add(20, "change.approved", SARAH, said=2, change=1)

    fired = [e for e in story.entries if e.kind == "clock.step" and e.payload["clock"] == "decision"]
    assert [story.minute_of(entry.recorded) for entry in fired] == [5]
    assert story.reading("decision", 20).word == "met"


@pytest.mark.ledger("INC-03")
def test_a_corrected_alert_time_recomputes_every_clock_that_counts_from_the_alert() -> None:
    story = Story().open(at=10)
    story.add(14, "lead.told", SARAH)
    assert story.reading("lead", 14).word == "met"

    story.add(
        14, "alert_time.corrected", SARAH, **{"from": stamp(story.moment(10)), "to": stamp(story.moment(5))}
    )

    lead, bridge = story.reading("lead", 14), story.reading("bridge", 14)
    assert (lead.word, lead.by) == ("late", 4)
    assert (bridge.word, bridge.by) == ("overdue", 4)
    assert story.minute_of(story.state["milestones"]["alert_fired"]["at"]) == 5


def test_a_corrected_alert_time_leaves_alone_what_counts_from_an_upgrade() -> None:
    story = Story().lead(3)
    story.add(20, "severity.set", SARAH, to=1, announce=True)

    story.add(
        22, "alert_time.corrected", SARAH, **{"from": stamp(story.moment(0)), "to": stamp(story.moment(-3))}
    )

    assert story.minute_of(story.reading("client_notice", 22).due) == 25


@pytest.mark.ledger("INC-03")
def test_newly_late_steps_come_at_once_and_each_step_comes_once_for_ever() -> None:
    story = Story().open(at=10)
    story.tick(16)
    story.add(
        16, "alert_time.corrected", SARAH, **{"from": stamp(story.moment(10)), "to": stamp(story.moment(14))}
    )
    steps = [step for step in story.tick(40) if step[0] == "bridge"]

    assert steps == [("bridge", "overdue_ic", 21)]


@pytest.mark.ledger("CLK-03", "INC-03")
def test_the_clocks_of_the_first_minutes_count_from_the_alert_however_late_the_record_was_opened() -> None:
    story = Story().open(at=7, alert=0)

    assert story.minute_of(story.state["alert"]) == 0
    assert story.minute_of(story.state["opened"]) == 7
    assert {story.reading(clock, 7).by for clock in ("lead", "bridge", "client_notice")} == {2}


def test_a_clock_whose_reason_falls_away_is_void_before_it_was_due_and_missed_after() -> None:
    early, late = waiting(), waiting()

    early.add(5, "change.withdrawn", ALEX, change=1)
    late.add(5 + 1 / 60, "change.withdrawn", ALEX, change=1)

    assert early.reading("decision", 6).word == "void"
    reading = late.reading("decision", 6)
    assert (reading.word, reading.by) == ("missed", pytest.approx(1 / 60))


@pytest.mark.ledger("CLK-18")
@pytest.mark.parametrize(("at", "word"), [(25, "void"), (30, "void"), (98, "missed")])
def test_leadership_is_void_once_an_effect_is_confirmed_in_time_and_missed_after(
    at: float, word: str
) -> None:
    story = waiting()
    story.add(1, "change.approved", SARAH, change=1)
    story.add(2, "change.started", ALEX, change=1)
    story.add(3, "change.finished", ALEX, change=1)

    story.add(at, "change.confirmed", ALEX, change=1, effect=True)

    assert story.reading("leadership", 120).word == word


def test_a_confirmed_change_without_effect_leaves_leadership_owed() -> None:
    story = waiting()

    story.add(4, "change.confirmed", ALEX, change=1, effect=False)

    assert story.reading("leadership", 10).word == "running"


@pytest.mark.ledger("CLK-17")
def test_a_reason_meets_the_theory_clock_and_a_plain_note_does_not() -> None:
    story = Story().open()
    story.add(3, "note", ALEX)
    assert story.reading("theory", 3).word == "running"

    story.add(4, "reason", ALEX, clock="theory")

    assert story.reading("theory", 4).word == "met"
    assert story.reading("leadership", 4).word == "running"


def test_a_first_notice_given_before_its_clock_begins_meets_it_at_once() -> None:
    story = Story().open(1)
    story.add(2, "update.sent", JORDAN, to=["public"])

    story.declare(1, at=4)

    reading = story.reading("status_page", 4)
    assert (reading.word, reading.by, reading.entered) == ("met", 0, 0)


def test_an_ic_who_took_the_seat_before_anybody_answered_owes_no_second_claim() -> None:
    story = Story().open(1)
    story.page()
    story.add(1, "seat.claimed", DANA, seat="ic", user=DANA)

    story.add(3, "page.acknowledged", SARAH, page=1)

    assert story.reading("ic", 3).word == "met"


def test_an_update_sent_before_the_declaration_does_not_stand_for_the_first_one_owed() -> None:
    story = Story().open(1)
    story.add(2, "update.sent", JORDAN, to=["responders"])

    story.declare(1, at=4)

    assert story.reading("update.responders", 4).word == "running"


def test_a_question_settles_the_decision_clock_and_the_reply_starts_another() -> None:
    story = waiting()
    story.add(2, "change.asked", SARAH, change=1)
    story.add(6, "change.replied", ALEX, change=1)

    first, second = story.reading("decision", 6), story.reading("decision", 6, n=2)
    assert first.word == "met"
    assert (second.word, story.minute_of(second.due)) == ("running", 11)


@pytest.mark.ledger("CLK-09")
def test_an_ic_who_leaves_without_a_successor_starts_a_new_two_minute_clock() -> None:
    story = Story().lead()

    story.add(10, "seat.ended", SARAH, seat="ic", user=SARAH)

    assert story.minute_of(story.reading("ic", 10, n=2).due) == 12
    story.add(13, "seat.claimed", DANA, seat="ic", user=DANA)
    assert (story.reading("ic", 13, n=2).word, story.reading("ic", 13, n=2).by) == ("late", 1)


def test_an_accepted_handover_leaves_no_gap() -> None:
    story = Story().lead()

    story.add(10, "seat.offered", SARAH, seat="ic", user=DANA)
    story.add(12, "seat.accepted", DANA, seat="ic", user=DANA)

    assert not [r for r in story.readings(12) if r.clock == "ic" and r.word in ("running", "overdue")]


@pytest.mark.ledger("CLK-11")
def test_opening_the_bridge_calls_everybody_named_before_and_nobody_who_claimed() -> None:
    story = Story().lead()
    story.add(1, "seat.named", SARAH, seat="ops", user=ALEX)

    story.add(3, "bridge.opened", SARAH)

    assert story.minute_of(story.reading("joined", 3, subject=str(ALEX)).due) == 5
    assert story.reading("seat", 3, subject=str(ALEX)).word == "void"
    assert [r.subject for r in story.readings(3) if r.clock == "joined"] == [str(ALEX)]


def test_the_first_act_of_a_paged_person_acknowledges_the_page() -> None:
    story = Story(zero=NIGHT).open()
    story.page()

    story.add(1, "finding", SARAH, cause=False)

    assert story.reading("ack", 1).word == "met"
    assert [entry.kind for entry in story.entries][-2:] == ["page.acknowledged", "finding"]


@pytest.mark.ledger("CLK-21")
def test_one_answer_stops_the_chain_and_pages_already_sent_stay() -> None:
    story = Story().open()
    story.page()
    story.tick(5, inclusive=True)
    story.page(5, ALEX, level=2)

    story.add(6, "page.acknowledged", ALEX, page=2)

    assert story.state["owner"] == ALEX
    assert not [step for step in story.tick(120) if step[0] in ("chain", "ack")]
    assert story.reading("ack", 6, subject="1").word == "missed"


def test_a_page_by_hand_has_a_clock_and_no_chain() -> None:
    story = Story().open()
    story.page()
    story.add(1, "page.acknowledged", SARAH, page=1)

    story.page(10, ALEX, call="hand", level=0, by=SARAH)

    steps = [(clock, minute) for clock, _, minute in story.tick(60) if clock in ("ack", "chain")]
    assert steps == [("ack", 15), ("ack", 17)]  # the IC, if nobody was there to hear of it before


def test_declared_by_hand_there_was_no_page_so_there_is_no_clock_that_begins_with_one() -> None:
    story = Story().open(1, source="hand").declare(1)

    shown = {reading.clock for reading in story.readings(1)}

    assert not shown & {"ack", "triage"}
    assert {"ic", "lead", "stabilisation"} <= shown
    assert story.minute_of(story.reading("ic", 1).due) == 2


@pytest.mark.ledger("CLK-21")
def test_the_answer_to_a_page_by_hand_stops_no_chain() -> None:
    story = Story().open()
    story.page()
    story.page(1, DANA, call="hand", level=0, by=JORDAN)

    story.add(2, "page.acknowledged", DANA, page=2)

    assert ("chain", "next", 5) in story.tick(6)
