"""Every clock of the shipped protocol: one second before its limit, at it, and one second after."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from incidents.protocol.definition import Pattern
from tests.incidents.story import ALEX, DANA, JORDAN, PROTOCOL, SARAH, Story

SECOND = 1 / 60


@dataclass(frozen=True)
class Case:
    """How a clock begins at minute 0 under a severity, its limit in minutes, and the act that meets it."""

    clock: str
    severity: int
    minutes: float
    begin: Callable[[int], Story]
    by: int
    kind: str
    payload: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.clock}-sev{self.severity}"


def opened(severity: int) -> Story:
    return Story().open(severity)


def paged(severity: int) -> Story:
    story = opened(severity)
    story.page()
    return story


def answered(severity: int) -> Story:
    story = paged(severity)
    story.add(0, "page.acknowledged", SARAH, page=1)
    return story


def declared(severity: int) -> Story:
    return Story().lead(severity)


def called(severity: int) -> Story:
    story = declared(severity)
    story.add(0, "bridge.opened", None)
    story.add(0, "seat.named", SARAH, seat="ops", user=ALEX)
    return story


def named(severity: int) -> Story:
    story = declared(severity)
    story.add(0, "seat.named", SARAH, seat="ops", user=ALEX)
    return story


def proposed(severity: int) -> Story:
    story = declared(severity)
    story.add(0, "change.proposed", ALEX, change=1, risk=True, implementer=ALEX)
    return story


def changed(severity: int) -> Story:
    story = Story().lead(4 if severity == 3 else 3)
    story.add(0, "severity.set", SARAH, to=severity, announce=True)
    return story


def text(*to: str) -> dict[str, Any]:
    return {"to": list(to)}


CASES = (
    Case("ack", 1, 5, paged, SARAH, "page.acknowledged", {"page": 1}),
    Case("ack", 2, 5, paged, SARAH, "page.acknowledged", {"page": 1}),
    Case("response", 3, 60, paged, SARAH, "page.acknowledged", {"page": 1}),
    *(Case("triage", level, 5, answered, SARAH, "declared", {"severity": level}) for level in (1, 2, 3, 4)),
    Case("ic", 1, 2, answered, SARAH, "seat.claimed", {"seat": "ic", "user": SARAH}),
    Case("ic", 2, 2, answered, SARAH, "seat.claimed", {"seat": "ic", "user": SARAH}),
    Case("lead", 1, 5, opened, SARAH, "lead.told", {}),
    Case("lead", 2, 5, opened, SARAH, "lead.told", {}),
    Case("bridge", 1, 5, opened, SARAH, "bridge.opened", {}),
    Case("bridge", 2, 5, opened, SARAH, "bridge.opened", {}),
    Case("client_notice", 1, 5, opened, JORDAN, "update.sent", text("clients")),
    Case("client_notice", 2, 5, opened, JORDAN, "update.sent", text("public")),
    Case("status_page", 1, 5, declared, JORDAN, "update.sent", text("public")),
    Case("status_page", 2, 5, declared, JORDAN, "update.sent", text("public")),
    *(Case("joined", level, 2, called, ALEX, "bridge.joined", {"user": ALEX}) for level in (1, 2, 3)),
    *(Case("seat", level, 2, named, ALEX, "seat.acknowledged", {"seat": "ops", "user": ALEX}) for level in (1, 2, 3)),
    Case("blast_radius", 1, 10, opened, ALEX, "blast.reported", {}),
    Case("blast_radius", 2, 10, opened, ALEX, "blast.reported", {}),
    Case("theory", 1, 30, opened, ALEX, "theory", {}),
    Case("theory", 2, 30, opened, ALEX, "finding", {"cause": True}),
    Case("leadership", 1, 30, opened, SARAH, "escalated", {"to": "leadership"}),
    *(Case("announce", level, 5, changed, SARAH, "update.sent", text("responders")) for level in (1, 2, 3, 4)),
    Case("update.responders", 1, 15, declared, JORDAN, "update.sent", text("responders")),
    Case("update.responders", 2, 30, declared, JORDAN, "update.sent", text("public")),
    Case("update.responders", 3, 120, declared, SARAH, "update.sent", text("responders")),
    Case("update.clients", 1, 15, declared, JORDAN, "update.sent", text("clients")),
    Case("update.clients", 2, 30, declared, JORDAN, "update.sent", text("public")),
    Case("update.public", 1, 15, declared, JORDAN, "update.sent", text("public")),
    Case("update.public", 2, 30, declared, JORDAN, "update.sent", text("public")),
    Case("executive", 1, 15, declared, JORDAN, "update.sent", text("executives")),
    Case("executive", 2, 30, declared, JORDAN, "update.sent", text("executives")),
    *(Case("decision", level, 5, proposed, SARAH, "change.approved", {"change": 1}) for level in (1, 2, 3)),
)  # fmt: skip


def cases(*clocks: str) -> Any:
    return pytest.mark.parametrize("case", [case for case in CASES if case.clock in clocks], ids=str)


def act_at(case: Case, minute: float) -> Any:
    """The clock's reading after the act at a minute."""
    story = case.begin(case.severity)
    story.add(minute, case.kind, case.by, **case.payload)
    return story.reading(case.clock, minute)


def hold(case: Case) -> None:
    """What every clock promises around its limit."""
    idle, limit = case.begin(case.severity), case.minutes

    early, due, late = (
        idle.reading(case.clock, minute) for minute in (limit - SECOND, limit, limit + SECOND)
    )
    assert (early.word, due.word, late.word) == ("running", "overdue", "overdue")
    assert early.left == pytest.approx(SECOND)
    assert late.by == pytest.approx(SECOND)
    assert early.minutes == limit

    assert act_at(case, limit - SECOND).word == "met"
    assert act_at(case, limit).word == "met"
    assert act_at(case, limit).by == pytest.approx(limit)
    after = act_at(case, limit + SECOND)
    assert after.word == "late"
    assert after.by == pytest.approx(SECOND)


def test_every_clock_of_the_protocol_and_each_of_its_figures_is_in_this_table() -> None:
    apart = {"chain", "stabilisation"}
    figures = {
        (clock.id, level) for clock in PROTOCOL.clocks for level in clock.minutes if clock.id not in apart
    }

    tested = {(case.clock, case.severity) for case in CASES}

    assert tested == figures


@pytest.mark.ledger("CLK-04")
@cases("ack", "response")
def test_a_page_is_answered_in_time_until_its_limit_and_late_a_second_after(case: Case) -> None:
    hold(case)


@pytest.mark.ledger("CLK-04")
def test_a_page_turns_amber_at_its_target_of_two_minutes() -> None:
    story = paged(1)

    assert not story.reading("ack", 2 - SECOND).amber
    assert story.reading("ack", 2).amber


@pytest.mark.ledger("CLK-05", "CLK-06", "CLK-07")
@cases("lead", "client_notice", "bridge")
def test_lead_clients_and_bridge_have_five_minutes_from_the_alert(case: Case) -> None:
    hold(case)


@pytest.mark.ledger("CLK-08", "CLK-09", "CLK-10")
@cases("status_page", "ic", "triage")
def test_status_post_ic_and_triage_keep_their_limits(case: Case) -> None:
    hold(case)


@pytest.mark.ledger("CLK-11", "CLK-12", "ROLE-29")
@cases("joined", "blast_radius", "seat")
def test_who_is_called_joins_and_the_blast_radius_is_reported_in_time(case: Case) -> None:
    hold(case)


@pytest.mark.ledger("CLK-13", "CLK-14")
@cases("update.responders", "update.clients", "update.public", "executive")
def test_updates_are_due_by_the_cadence_of_their_severity(case: Case) -> None:
    hold(case)


@pytest.mark.ledger("CLK-17", "CLK-18")
@cases("theory", "leadership")
def test_after_thirty_minutes_a_theory_or_an_escalation_is_owed(case: Case) -> None:
    hold(case)


@pytest.mark.ledger("CLK-30", "SEV-19")
@cases("decision", "announce")
def test_a_waiting_change_and_a_changed_severity_are_answered_within_five_minutes(case: Case) -> None:
    hold(case)


@pytest.mark.ledger("CLK-31")
@pytest.mark.parametrize("severity", [1, 2])
def test_the_window_opens_at_its_end_and_not_a_second_before(severity: int) -> None:
    story = declared(severity)
    story.add(1, "change.proposed", ALEX, change=1, risk=True, implementer=ALEX)
    story.add(2, "change.approved", SARAH, change=1)
    story.add(3, "change.started", ALEX, change=1)
    story.add(4, "impact.ended", SARAH)

    assert story.reading("stabilisation", 19 - SECOND).word == "running"
    assert story.resolve_blocks(19 - SECOND) == ["GATE-08"]
    assert story.reading("stabilisation", 19).word == "met"
    assert story.resolve_blocks(19) == []
    assert story.resolve_blocks(19 + SECOND) == []


@pytest.mark.ledger("CLK-21")
@pytest.mark.parametrize("severity", [1, 2])
def test_an_unanswered_page_goes_to_the_next_person_after_five_minutes(severity: int) -> None:
    story = paged(severity)

    assert ("chain", "next", 5.0) not in story.tick(5)
    assert ("chain", "next", 5.0) in story.tick(5, inclusive=True)


@pytest.mark.ledger("CLK-21")
def test_an_answer_at_the_very_instant_stops_the_chain() -> None:
    story = paged(1)
    story.tick(5)

    story.add(5, "page.acknowledged", SARAH, page=1)

    assert not [step for step in story.tick(60) if step[0] == "chain"]


@pytest.mark.ledger("CLK-02")
def test_every_clock_names_what_it_counts_from() -> None:
    anchors = {clock.id: clock.anchor for clock in PROTOCOL.clocks}

    assert all(anchors.values())
    assert anchors["lead"] == anchors["client_notice"] == anchors["theory"] == "alert fired"
    assert anchors["status_page"] == "declared"
    assert anchors["stabilisation"] == "impact ended"
    assert Story().open().reading("lead", 1).anchor_word == "alert fired"


@pytest.mark.ledger("CLK-01")
@pytest.mark.parametrize("case", [case for case in CASES if case.severity == 1], ids=str)
def test_a_clock_is_met_by_no_act_but_those_it_waits_for(case: Case) -> None:
    story = case.begin(1)
    clock = PROTOCOL.clock[case.clock]
    waited = {pattern.kind for pattern in (*clock.meets, *clock.ends)}
    others = [
        ("note", {}),
        ("question", {}),
        ("objective.set", {}),
        ("ic.acknowledged", {"ic": SARAH}),
        ("scope.set", {"clients": []}),
    ]
    if "lead.told" not in waited:
        others.append(("lead.told", {}))
    if "blast.reported" not in waited:
        others.append(("blast.reported", {}))

    for kind, payload in others:
        story.add(1, kind, DANA, **payload)

    assert story.reading(case.clock, 1).word == "running"


@pytest.mark.ledger("CLK-01")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_clock_turns_amber_before_it_is_overdue(case: Case) -> None:
    story = case.begin(case.severity)

    assert story.reading(case.clock, case.minutes - SECOND).amber
    assert not story.reading(case.clock, 0).amber
    assert not story.reading(case.clock, case.minutes).amber


@pytest.mark.ledger("CLK-01")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_clock_has_a_step_that_waits_for_its_due_instant(case: Case) -> None:
    story = case.begin(case.severity)

    done = story.tick(case.minutes, inclusive=True)

    assert (case.clock, "overdue", case.minutes) in done


def test_a_pattern_reads_its_kind_its_fields_and_its_setting() -> None:
    pattern = Pattern.parse("update.sent to=public|clients @public_counts")

    assert (pattern.kind, pattern.setting) == ("update.sent", "public_counts")
    assert pattern.where == (("to", frozenset({"public", "clients"})),)


@pytest.mark.ledger("CLK-01")
@pytest.mark.parametrize(
    ("clock", "begin", "amber"),
    [
        ("lead", opened, 4.0),
        ("theory", opened, 24.0),
        ("ic", answered, 1.5),
        ("joined", called, 1.5),
        ("update.public", declared, 12.0),
    ],
)
def test_amber_is_the_last_fifth_at_least_half_a_minute_and_for_updates_the_reminder(
    clock: str, begin: Callable[[int], Story], amber: float
) -> None:
    story = begin(1)

    assert not story.reading(clock, amber - SECOND).amber
    assert story.reading(clock, amber).amber
