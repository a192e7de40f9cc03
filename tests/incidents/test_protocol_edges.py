"""Where clocks, seats and impact meet: what one act does to a clock that another had started."""

import pytest

from incidentdesk.kernel.stamps import stamp
from incidents.protocol.score import detection_delay, score
from tests.incidents.story import ALEX, JORDAN, MIKE, SARAH, Story


def resolved() -> Story:
    """Led from minute 0, Alex named Ops Lead, resolved at minute 20."""
    story = Story().lead()
    story.add(1, "seat.named", SARAH, seat="ops", user=ALEX)
    story.add(2, "impact.ended", SARAH)
    story.add(20, "status.moved", SARAH, **{"from": "monitoring", "to": "resolved"})
    return story


def test_after_the_resolve_no_act_starts_a_clock() -> None:
    story = resolved()

    story.add(21, "seat.ended", SARAH, seat="ic", user=SARAH)
    story.add(22, "bridge.opened", SARAH)

    assert [r.clock for r in story.readings(40) if r.word in ("running", "overdue")] == []


@pytest.mark.ledger("CLK-10")
def test_an_answer_to_a_page_after_the_declaration_starts_no_triage() -> None:
    story = Story().lead()
    page = story.page(5, ALEX, "hand", 0, SARAH)

    story.add(6, "page.acknowledged", ALEX, page=page)

    assert [r.word for r in story.readings(20) if r.clock == "triage" and r.n] == []


@pytest.mark.ledger("ROLE-29")
def test_whoever_is_replaced_in_a_seat_owes_nothing_for_it_any_more() -> None:
    story = Story().lead()
    story.add(1, "seat.named", SARAH, seat="ops", user=ALEX)

    story.add(2, "seat.named", SARAH, seat="ops", user=JORDAN)

    assert story.reading("seat", 10, subject=str(ALEX)).word == "void"
    assert story.reading("seat", 10, subject=str(JORDAN)).word == "overdue"


def test_whoever_holds_another_seat_still_owes_its_acknowledgement() -> None:
    story = Story().lead()
    story.add(1, "seat.named", SARAH, seat="ops", user=ALEX)
    story.add(1, "seat.named", SARAH, seat="sme.database", user=ALEX)

    story.add(2, "seat.named", SARAH, seat="ops", user=JORDAN)

    assert story.reading("seat", 10, subject=str(ALEX)).word == "overdue"


@pytest.mark.ledger("ROLE-01")
def test_a_handover_that_was_offered_ends_when_somebody_else_is_named_for_the_seat() -> None:
    story = Story().lead()
    story.add(1, "seat.offered", SARAH, seat="ic", user=ALEX)

    story.add(2, "seat.named", SARAH, seat="ic", user=JORDAN)

    assert [block.id for block in story.blocks(3, "seat.accepted", ALEX, seat="ic")] == ["ROLE-03"]


def test_an_offer_of_another_seat_stands() -> None:
    story = Story().lead()
    story.add(1, "seat.named", SARAH, seat="ops", user=MIKE)
    story.add(1, "seat.offered", MIKE, seat="ops", user=ALEX)

    story.add(2, "seat.named", SARAH, seat="comms", user=JORDAN)

    assert story.blocks(3, "seat.accepted", ALEX, seat="ops") == []


def monitored() -> Story:
    """In Monitoring since minute 2."""
    story = Story().lead()
    story.add(1, "change.proposed", ALEX, change=1, risk=True, implementer=ALEX)
    story.add(1, "change.approved", SARAH, change=1)
    story.add(1, "change.started", ALEX, change=1)
    story.add(2, "impact.ended", SARAH)
    assert story.state["status"] == "monitoring"
    return story


@pytest.mark.ledger("CLK-31", "RES-01")
def test_impact_that_starts_anew_voids_the_window() -> None:
    story = monitored()

    story.add(5, "impact.started", SARAH, at=stamp(story.moment(4)), again=True)

    assert story.reading("stabilisation", 18).word == "void"
    assert story.resolve_blocks(18) == ["INC-15", "GATE-08"]


def test_the_next_end_of_the_impact_starts_another_window() -> None:
    story = monitored()
    story.add(5, "impact.started", SARAH, at=stamp(story.moment(4)), again=True)

    story.add(9, "impact.ended", SARAH)

    assert story.resolve_blocks(23.9) == ["GATE-08"]
    assert story.resolve_blocks(24) == []


@pytest.mark.parametrize("to", [2, 3])
@pytest.mark.ledger("CLK-01", "SEV-23")
def test_a_severity_change_after_an_outage_reads_as_if_the_tick_had_never_slept(to: int) -> None:
    def told(*, ticked: bool) -> list[tuple[str, int, str, float | None]]:
        story = Story().lead(1)
        if ticked:
            story.tick(31)
        story.add(31, "severity.set", SARAH, to=to, announce=True, **{"from": 1})
        return [
            (r.clock, r.n, r.word, story.minute_of(r.due))
            for r in story.readings(50) if r.clock.startswith("update.")
        ]  # fmt: skip

    awake = told(ticked=True)
    assert ("update.responders", 2, "missed", 30.0) in awake
    assert told(ticked=False) == awake


@pytest.mark.ledger("INC-03", "INC-16")
def test_an_impact_that_nobody_dated_starts_with_the_corrected_alert() -> None:
    story = Story().lead()

    story.add(1, "alert_time.corrected", SARAH, to=stamp(story.moment(-5)))

    assert detection_delay(story.state) == 0
    assert story.minute_of(story.state["impact"][0][0]) == -5


def test_an_impact_that_somebody_dated_stays_when_the_alert_is_corrected() -> None:
    story = Story().lead()
    story.add(1, "impact.started", SARAH, at=stamp(story.moment(-8)), again=False)

    story.add(2, "alert_time.corrected", SARAH, to=stamp(story.moment(-5)))

    assert detection_delay(story.state) == 3


@pytest.mark.ledger("COM-05")
def test_a_promise_is_kept_by_a_text_at_its_very_instant() -> None:
    story = Story().lead()
    story.add(1, "update.sent", SARAH, update=1, to=["clients"], next=stamp(story.moment(10)))

    story.add(10, "update.sent", SARAH, update=2, to=["public"], next=stamp(story.moment(25)))

    assert story.minute_of(story.reading("update.clients", 10, n=3).due) == 25


@pytest.mark.ledger("CLK-39")
def test_the_clocks_of_a_false_alarm_are_not_counted() -> None:
    story = Story().open(1)
    page = story.page()
    story.add(1, "page.acknowledged", SARAH, page=page)
    counted = {mark.id for mark in score(story.protocol, story.state, story.moment(4))}

    story.add(4, "status.moved", SARAH, to="closed", false_alarm=True, **{"from": "open"})

    assert "ack" in counted
    assert {mark.id for mark in score(story.protocol, story.state, story.moment(9))} == {"APP-02", "ROLE-29"}
