"""The two nights of SCN-01 and SCN-02 told to the pure core: every reading, duration and mark."""

from datetime import UTC, datetime
from typing import Any

import pytest

from incidentdesk.kernel.stamps import stamp
from incidents.protocol.score import durations, impact_minutes, score
from tests.incidents.story import NIGHT, Story

SARAH, ALEX, JORDAN = 1, 2, 3
MIKE, DEV1, DEV2, DBA = 1, 2, 3, 4
RESOLVED = {"from": "monitoring", "to": "resolved"}


def at(text: str) -> datetime:
    """A clock time of the night."""
    parts = [*map(int, text.split(":")), 0][:3]
    return datetime(2026, 3, 14, *parts, tzinfo=UTC)


class Night(Story):
    """A story told in clock times, with the tick running between the acts."""

    def do(self, when: str, kind: str, by: int | None = None, **payload: Any) -> None:
        self.tick(at(when))
        self.add(at(when), kind, by, **payload)

    def update(self, when: str, to: str, following: str) -> None:
        self.do(when, "update.sent", JORDAN, to=[to], next=stamp(at(following)))

    def says(
        self, when: str, clock: str, n: int = 1, subject: str | None = None
    ) -> tuple[str, str, str, float]:
        """Word, due, when it was met or ended, and by how many minutes."""
        reading = self.reading(clock, at(when), n=n, subject=subject)
        return reading.word, (reading.due or "")[11:16], (reading.at or "")[11:16], reading.by


def begin() -> Night:
    night = Night(zero=NIGHT)
    night.open(1, ladder=[1, 2, 3], managers=[9])
    night.add(0, "alert.fired", None, alert=1, critical=True)
    night.page()
    night.do("02:48", "page.acknowledged", 1, page=1)
    return night


@pytest.fixture(scope="module")
def good() -> Night:
    night = begin()
    night.do("02:50", "finding", SARAH, cause=False)
    night.do("02:52", "declared", SARAH, severity=1)
    night.do("02:52", "lead.told", None)
    night.do("02:52", "bridge.opened", None)
    night.do("02:52", "seat.claimed", SARAH, seat="ic", user=SARAH)
    night.do("02:52", "seat.named", SARAH, seat="ops", user=ALEX)
    night.do("02:52", "seat.named", SARAH, seat="comms", user=JORDAN)
    night.do("02:53", "bridge.joined", JORDAN, user=JORDAN)
    night.update("02:55", "public", "03:10")
    night.do("02:56", "bridge.joined", ALEX, user=ALEX)
    night.update("03:00", "executives", "03:15")
    night.do("03:05", "finding", ALEX, cause=True)
    night.do("03:05", "change.proposed", ALEX, change=1, risk=True, implementer=ALEX)
    night.do("03:06", "change.approved", SARAH, change=1)
    night.do("03:08", "change.started", ALEX, change=1)
    night.update("03:10", "public", "03:25")
    night.do("03:12", "change.finished", ALEX, change=1)
    night.do("03:12", "change.confirmed", ALEX, change=1, effect=True)
    night.do("03:15", "alert.resolved", None, alert=1)
    night.do("03:15", "impact.ended", SARAH)
    night.update("03:17", "public", "03:32")
    night.tick(at("03:30"))
    night.early = (
        night.resolve_blocks(at("03:20")),
        night.resolve_blocks(at("03:29:59")),
        night.resolve_blocks(at("03:30")),
    )  # type: ignore[attr-defined]
    night.do("03:30", "status.moved", SARAH, **RESOLVED)
    return night


@pytest.fixture(scope="module")
def bad() -> Night:
    night = begin()
    night.do("03:00", "page.sent", MIKE, pages=[[2, DEV1], [3, DEV2]], call="hand", level=0)
    night.do("03:00", "page.acknowledged", DEV1, page=2)
    night.do("03:00", "page.acknowledged", DEV2, page=3)
    night.do("03:05", "change.done", DEV1, change=1)
    for by in (MIKE, DEV1, DEV2):
        night.do("03:20", "theory", by)
    night.do("03:45", "change.done", DEV2, change=2)
    night.do("03:47", "alert.fired", None, alert=2, critical=True)
    night.do("04:00", "page.sent", MIKE, pages=[[4, DBA]], call="hand", level=0)
    night.do("04:00", "page.acknowledged", DBA, page=4)
    night.do("04:10", "change.proposed", DBA, change=3, risk=True, implementer=DBA)
    night.tick(at("04:20"))
    night.start = night.blocks(at("04:20"), "change.started", by=DBA, change=3)  # type: ignore[attr-defined]
    night.do("04:20", "refused", DBA, act="starts", gates=["GATE-01"])
    night.do("04:20", "change.done", DBA, change=3)
    night.confirm = night.blocks(at("04:25"), "change.confirmed", by=DBA, change=3)  # type: ignore[attr-defined]
    night.do("04:25", "change.confirmed", DBA, change=3, effect=True)
    night.do("05:00", "impact.ended", DEV1)
    return night


@pytest.mark.ledger("CLK-04", "CLK-10", "CLK-09")
def test_good_night_acknowledged_in_one_minute_triaged_in_four_and_led_two_minutes_late(good: Night) -> None:
    assert good.says("03:35", "ack") == ("met", "02:52", "02:48", 1)
    assert good.says("03:35", "triage") == ("met", "02:53", "02:52", 4)
    assert good.says("03:35", "ic") == ("late", "02:50", "02:52", 2)


@pytest.mark.ledger("CLK-05", "CLK-06", "CLK-07")
def test_good_night_tells_the_lead_and_opens_the_bridge_at_the_limit_and_clients_three_minutes_late(
    good: Night,
) -> None:
    assert good.says("03:35", "lead") == ("met", "02:52", "02:52", 5)
    assert good.says("03:35", "bridge") == ("met", "02:52", "02:52", 5)
    assert good.says("03:35", "client_notice") == ("late", "02:52", "02:55", 3)


@pytest.mark.ledger("CLK-08", "CLK-11", "CLK-12")
def test_good_night_posts_in_three_minutes_joins_four_after_the_call_and_never_reports_the_blast_radius(
    good: Night,
) -> None:
    assert good.says("03:35", "status_page") == ("met", "02:57", "02:55", 3)
    assert good.says("03:35", "joined", subject=str(ALEX)) == ("late", "02:54", "02:56", 2)
    assert good.says("03:35", "joined", subject=str(JORDAN)) == ("met", "02:54", "02:53", 1)
    assert good.says("03:35", "blast_radius")[:2] == ("missed", "02:57")


@pytest.mark.ledger("CLK-13", "CLK-14")
def test_good_night_keeps_every_update_and_misses_the_second_text_to_executives(good: Night) -> None:
    for clock in ("update.responders", "update.clients", "update.public"):
        assert [good.says("03:35", clock, n)[:3] for n in (1, 2, 3, 4)] == [
            ("met", "03:07", "02:55"), ("met", "03:10", "03:10"), ("met", "03:25", "03:17"), ("void", "03:32", "03:30")
        ]  # fmt: skip
    assert good.says("03:35", "executive")[:3] == ("met", "03:07", "03:00")
    assert good.says("03:35", "executive", 2) == ("missed", "03:15", "03:30", 15)


@pytest.mark.ledger("CLK-17", "CLK-18", "CLK-30")
def test_good_night_has_a_cause_no_need_of_leadership_and_a_decision_in_one_minute(good: Night) -> None:
    assert good.says("03:35", "theory")[:3] == ("met", "03:17", "03:05")
    assert good.says("03:35", "leadership")[:3] == ("void", "03:17", "03:12")
    assert good.says("03:35", "decision") == ("met", "03:10", "03:06", 1)


@pytest.mark.ledger("CLK-31", "RES-01")
def test_good_night_cannot_be_resolved_a_second_before_half_past_three(good: Night) -> None:
    assert good.early == (["GATE-08"], ["GATE-08"], [])  # type: ignore[attr-defined]
    assert good.says("03:35", "stabilisation")[:3] == ("met", "03:30", "03:30")


@pytest.mark.ledger("INC-14", "INC-15", "MET-01")
def test_good_night_took_these_minutes(good: Night) -> None:
    took = durations(good.state)

    assert took == {
        "to acknowledge": 1, "to declaration": 5, "to IC": 5, "to bridge": 5, "to first internal notice": 5,
        "to first external notice": 8, "to proposal": 18, "to approval": 19, "to start": 21, "to mitigation": 25,
        "to impact end": 28, "to cause": 18, "to resolution": 43,
    }  # fmt: skip
    assert impact_minutes(good.state, at("03:35")) == (28, 28)


def test_good_night_marks_what_was_late_or_missed_and_no_change_without_approval(good: Night) -> None:
    marks = score(good.protocol, good.state, at("03:35"))

    assert [mark.id for mark in marks if not mark.met] == [
        "ic",
        "client_notice",
        "joined",
        "blast_radius",
        "executive",
    ]
    assert next(mark for mark in marks if mark.id == "APP-02").met


@pytest.mark.ledger("CLK-09", "CLK-10", "CLK-12")
def test_bad_night_is_never_led_never_triaged_and_never_measured(bad: Night) -> None:
    assert bad.says("05:00", "ack", subject="1") == ("met", "02:52", "02:48", 1)
    assert bad.says("05:00", "ic") == ("overdue", "02:50", "", 130)
    assert bad.says("05:00", "triage") == ("overdue", "02:53", "", 127)
    assert bad.says("05:00", "blast_radius") == ("overdue", "02:57", "", 123)


@pytest.mark.ledger("CLK-05", "CLK-06", "CLK-07")
def test_bad_night_leaves_lead_clients_and_bridge_overdue_by_128_minutes(bad: Night) -> None:
    assert [bad.says("05:00", clock) for clock in ("lead", "client_notice", "bridge")] == [
        ("overdue", "02:52", "", 128)
    ] * 3


@pytest.mark.ledger("CLK-17", "CLK-18", "CLK-30")
def test_bad_night_states_a_theory_late_misses_leadership_and_waits_ten_minutes_for_a_decision(
    bad: Night,
) -> None:
    assert bad.says("05:00", "theory") == ("late", "03:17", "03:20", 3)
    assert bad.confirm == []  # type: ignore[attr-defined]
    assert bad.says("05:00", "leadership") == ("missed", "03:17", "04:25", 68)
    assert bad.says("05:00", "decision") == ("missed", "04:15", "04:20", 5)
    assert ("decision", "overdue", "04:15") in {
        (e.payload["clock"], e.payload["step"], e.recorded[11:16])
        for e in bad.entries
        if e.kind == "clock.step"
    }


@pytest.mark.ledger("CLK-31", "CLK-08", "CLK-13")
def test_bad_night_starts_a_window_at_five_and_never_a_clock_of_the_declaration(bad: Night) -> None:
    assert bad.says("05:00", "stabilisation")[:2] == ("running", "05:15")
    for clock in ("status_page", "update.responders", "update.clients", "update.public", "executive"):
        assert bad.reading(clock, at("05:00"), n=0).word == "not started"


@pytest.mark.ledger("CLK-21", "CLK-11")
def test_bad_night_pages_nobody_by_itself_after_the_answer_and_calls_nobody_to_a_bridge(bad: Night) -> None:
    by_the_desk = [e for e in bad.entries if e.kind == "page.sent" and e.by is None]

    assert len(by_the_desk) == 1
    assert not [r for r in bad.readings(at("05:00")) if r.clock == "joined"]
    assert [bad.says("05:00", "ack", subject=page)[0] for page in ("2", "3", "4")] == ["met"] * 3


@pytest.mark.ledger("GATE-01", "ROLE-04")
def test_bad_night_refuses_the_start_and_offers_the_seat(bad: Night) -> None:
    blocks = bad.start  # type: ignore[attr-defined]

    assert [block.id for block in blocks] == ["GATE-01"]
    assert "Take the seat of Incident Commander" in blocks[0].sentence


@pytest.mark.ledger("APP-02", "INC-15")
def test_bad_night_ends_open_with_three_changes_without_approval_after_133_minutes(bad: Night) -> None:
    assert bad.state["status"] == "open"
    assert [number for number, change in bad.state["changes"].items() if change.get("unauthorised")] == [
        "1",
        "2",
        "3",
    ]
    assert durations(bad.state) == {
        "to acknowledge": 1, "to proposal": 83, "to mitigation": 98, "to impact end": 133
    }  # fmt: skip
    assert impact_minutes(bad.state, at("05:00")) == (133, 133)
