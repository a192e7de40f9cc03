"""What holds for every story whatever, told by Hypothesis: folding, readings, and their order in time."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidentdesk.kernel.stamps import stamp
from incidents.protocol import Protocol, Reading, State, empty, fold, fold_all, parse
from incidents.protocol.clocks import deadlines
from incidents.protocol.consequences import consequences
from incidents.protocol.definition import default_text
from incidents.protocol.state import Draft
from tests.incidents.story import ALEX, DANA, JORDAN, SARAH, Story

LAWS = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
PEOPLE = st.sampled_from([SARAH, ALEX, JORDAN, DANA])
AUDIENCES = st.lists(
    st.sampled_from(["responders", "executives", "clients", "public"]), min_size=1, max_size=4, unique=True
)
GAPS = st.sampled_from([0.0, 0.0, 1 / 60, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 15.0, 30.0, 47.0])


@st.composite
def acts(draw: st.DrawFn) -> tuple[str, int | None, dict[str, Any]]:
    """Any act, sensible or not; those that refer to what is not there are left out when the story is told."""
    by = draw(PEOPLE)
    return draw(
        st.sampled_from([
            ("declared", by, {"severity": draw(st.integers(1, 4))}),
            ("severity.set", by, {"to": draw(st.integers(1, 4)), "announce": True}),
            ("page.sent", None, {"pages": [[draw(st.integers(1, 3)), by]], "call": "chain", "level": 1}),
            ("page.acknowledged", by, {"page": draw(st.integers(1, 3))}),
            ("seat.claimed", by, {"seat": "ic", "user": by}),
            ("seat.named", SARAH, {"seat": draw(st.sampled_from(["ops", "comms", "ic"])), "user": by}),
            ("seat.ended", by, {"seat": "ic", "user": by}),
            ("bridge.opened", by, {}),
            ("bridge.joined", by, {"user": by}),
            ("lead.told", by, {}),
            ("update.sent", by, {"to": draw(AUDIENCES)}),
            ("blast.reported", by, {}),
            ("theory", by, {}),
            ("finding", by, {"cause": draw(st.booleans())}),
            ("escalated", by, {"to": "leadership"}),
            ("change.proposed", by, {"change": draw(st.integers(1, 2)), "risk": True, "implementer": by}),
            ("change.approved", by, {"change": draw(st.integers(1, 2))}),
            ("change.asked", by, {"change": draw(st.integers(1, 2))}),
            ("change.replied", by, {"change": draw(st.integers(1, 2))}),
            ("change.started", by, {"change": draw(st.integers(1, 2))}),
            ("change.confirmed", by, {"change": draw(st.integers(1, 2)), "effect": draw(st.booleans())}),
            ("impact.ended", by, {}),
            ("sample.bad", by, {}),
            ("alert.fired", None, {"alert": 1, "critical": True, "again": draw(st.booleans())}),
            ("alert.resolved", None, {"alert": 1}),
            ("alert_time.corrected", by, {"back": draw(st.sampled_from([-6, 0, 4]))}),
            ("status.moved", by, {"to": draw(st.sampled_from(["mitigating", "monitoring", "resolved", "closed"]))}),
            ("note", by, {}),
        ])
    )  # fmt: skip


STORIES = st.tuples(
    st.integers(1, 4),
    st.booleans(),
    st.lists(st.tuples(GAPS, acts(), st.sampled_from([0.0, 0.0, 0.0, 3.0])), max_size=25),
)


def possible(state: State, kind: str, payload: dict[str, Any]) -> bool:
    """Whether an entry of the kind could have been written at all: the flows refuse the others."""
    if kind == "page.acknowledged":
        return str(payload["page"]) in state["pages"] and "acked" not in state["pages"][str(payload["page"])]
    if kind == "page.sent":
        return str(payload["pages"][0][0]) not in state["pages"]
    if kind == "change.proposed":
        return str(payload["change"]) not in state["changes"]
    if kind.startswith("change."):
        return str(payload["change"]) in state["changes"]
    if kind == "declared":
        return state["severity"] is None
    if kind == "severity.set":
        return state["severity"] not in (None, payload["to"])
    if kind == "impact.ended":
        return state["impact"][-1][1] is None
    if kind == "status.moved":
        return state["status"] != payload["to"] and state["status"] not in ("resolved", "closed")
    return state["status"] not in ("resolved", "closed") or kind in (
        "note",
        "finding",
        "sample.bad",
        "update.sent",
    )


def tell(plot: tuple[int, bool, list[Any]], *, corrections: bool = True) -> Story:
    presumed, ticks, steps = plot
    story = Story().open(presumed)
    minute = 0.0
    for gap, (kind, by, given_payload), ago in steps:
        minute += gap
        payload = dict(given_payload)
        if kind == "alert_time.corrected":
            if not corrections:
                continue
            payload = {"from": story.state["alert"], "to": stamp(story.moment(payload["back"]))}
        if not possible(story.state, kind, payload):
            continue
        if kind == "status.moved":
            payload["from"] = story.state["status"]
        if ticks:
            story.tick(minute)
        said = max(0.0, minute - ago) if by is not None and ago else None
        story.add(minute, kind, by, said, **payload)
    if ticks:
        story.tick(minute)
    return story


@pytest.mark.ledger("CLK-01")
@LAWS
@given(STORIES)
def test_folding_one_by_one_equals_folding_all_also_after_the_state_was_stored_as_json(plot: Any) -> None:
    story = tell(plot)
    stored: State = empty()

    for entry in story.entries:
        stored = json.loads(json.dumps(fold(story.protocol, stored, entry)))

    assert stored == fold_all(story.protocol, empty(), story.entries) == story.state


@LAWS
@given(STORIES)
def test_a_fold_changes_nothing_that_it_was_given(plot: Any) -> None:
    story = tell(plot)
    state = empty()

    for entry in story.entries:
        before = json.dumps(state, sort_keys=True)
        following = fold(story.protocol, state, entry)
        assert json.dumps(state, sort_keys=True) == before
        state = following


@pytest.mark.ledger("CLK-01", "CLK-39")
@LAWS
@given(STORIES, st.floats(0, 400))
def test_no_clock_is_both_met_and_missed_and_none_stands_twice(plot: Any, later: float) -> None:
    story = tell(plot)

    readings = story.readings(story.moment(later) + timedelta(minutes=600))

    keys = [(reading.clock, reading.subject, reading.n) for reading in readings]
    assert len(keys) == len(set(keys))
    for reading in readings:
        agrees(reading)


def agrees(reading: Reading) -> None:
    """Word, times and figure of a reading say the same."""
    at, due = reading.at, reading.due
    if reading.word == "met":
        assert at is not None and due is not None and at <= due
    if reading.word in ("late", "missed"):
        assert at is not None and due is not None and at > due and reading.by > 0
    if reading.word in ("running", "overdue"):
        assert at is None and (reading.left > 0) == (reading.word == "running")
    if reading.word == "not started":
        assert (reading.anchor, due, at, reading.n) == (None, None, None, 0)
    assert reading.by >= 0 and reading.left >= 0 and reading.times >= 1


ENDED = {"met", "late", "missed", "void"}


@pytest.mark.ledger("CLK-01")
@LAWS
@given(STORIES, st.lists(st.floats(0, 900), min_size=2, max_size=6))
def test_readings_move_on_with_time_and_never_back(plot: Any, minutes: list[float]) -> None:
    story = tell(plot)
    end = story.entries[-1].recorded
    moments = sorted(m for each in minutes if stamp(m := story.moment(each)) >= end)

    seen: dict[tuple[str, str, int], Reading] = {}
    for now in moments:
        for reading in story.readings(now):
            key = (reading.clock, reading.subject, reading.n)
            before = seen.get(key)
            if before is not None:
                moved_on(before, reading)
            seen[key] = reading


def moved_on(before: Reading, now: Reading) -> None:
    """Running may become overdue, overdue may become missed; what ended stays as it is."""
    allowed = {"running": {"running", "overdue", "missed", "met"}, "overdue": {"overdue", "missed"}}
    if before.word in ENDED and not (before.word == "missed" and before.times < now.times):
        assert (before.word, before.at, before.due, before.by) == (now.word, now.at, now.due, now.by)
    elif before.word in allowed:
        assert now.word in allowed[before.word]
        assert now.due == before.due
        if now.word == before.word == "overdue":
            assert now.by >= before.by
        if now.word == before.word == "running":
            assert now.left <= before.left


@LAWS
@given(STORIES)
def test_what_waits_for_the_tick_belongs_to_a_clock_that_runs_and_was_not_done_before(plot: Any) -> None:
    story = tell(plot)
    running = {
        (r.clock, r.subject) for r in story.readings(0) if r.word in ("running", "overdue", "met", "missed")
    }
    done = {
        (e.payload["clock"], e.payload["subject"], e.payload["n"], e.payload["step"])
        for e in story.entries
        if e.kind == "clock.step"
    }

    waiting = deadlines(story.protocol, story.state)

    assert {(clock, subject) for clock, subject, _, _ in waiting} <= running
    assert not done & set(waiting)


@LAWS
@given(STORIES)
def test_each_step_of_each_occurrence_is_done_once_for_ever(plot: Any) -> None:
    story = tell(plot)
    story.tick(story.moment(0) + timedelta(hours=20))

    keys = [
        (e.payload["clock"], e.payload["subject"], e.payload["n"], e.payload["step"])
        for e in story.entries
        if e.kind == "clock.step" and e.payload["clock"] != "chain"
    ]

    assert len(keys) == len(set(keys))


@LAWS
@given(STORIES)
def test_the_tick_changes_no_reading_but_those_of_pages_and_roll_overs(plot: Any) -> None:
    presumed, _, steps = plot
    silent, ticked = tell((presumed, False, steps)), tell((presumed, True, steps))
    now = silent.moment(0) + timedelta(minutes=sum(gap for gap, _, _ in steps))

    def view(story: Story) -> set[tuple[Any, ...]]:
        skipped = {"chain"}
        return {
            (r.clock, r.subject, r.word, r.due, r.at if r.word not in ("missed",) else None)
            for r in story.readings(now)
            if r.clock not in skipped and r.word in ("running", "overdue", "met", "late")
        }

    assert view(silent) == view(ticked)


def test_the_same_text_gives_the_same_protocol_and_consequences_come_from_the_desk() -> None:
    protocol: Protocol = parse(default_text())
    story = Story().lead()

    entry = Draft("impact.ended", {}, SARAH).entry(99, story.moment(1))

    assert protocol is parse(default_text())
    assert all(
        draft.by is None for draft in consequences(protocol, fold(protocol, story.state, entry), entry)
    )
