"""Stabilisation, impact and what brings the incident back (CLK-31, INC-15, RES-01, -02, -09)."""

import pytest

from incidents.protocol.score import detection_delay, durations, impact_minutes
from tests.incidents.story import ALEX, JORDAN, SARAH, Story


def mitigated(at: float = 10, severity: int = 1) -> Story:
    """Mitigating from minute 8, the impact over at `at`."""
    story = Story().lead(severity)
    story.add(6, "change.proposed", ALEX, change=1, risk=True, implementer=ALEX)
    story.add(7, "change.approved", SARAH, change=1)
    story.add(8, "change.started", ALEX, change=1)
    story.add(at, "impact.ended", SARAH)
    return story


@pytest.mark.ledger("CLK-31")
def test_the_ics_stamp_moves_mitigating_to_monitoring_and_starts_the_window() -> None:
    story = mitigated()

    assert story.state["status"] == "monitoring"
    assert story.minute_of(story.reading("stabilisation", 10).due) == 25


@pytest.mark.ledger("CLK-31", "RES-02")
@pytest.mark.parametrize("again", [("sample.bad", {}), ("alert.fired", {"alert": 9, "critical": True})])
def test_a_bad_sample_or_another_critical_alert_starts_the_window_again(
    again: tuple[str, dict[str, object]],
) -> None:
    story = mitigated()

    story.add(20, again[0], JORDAN if again[0] == "sample.bad" else None, **again[1])
    story.add(21, "alert.resolved", None, alert=9)

    assert story.reading("stabilisation", 20).word == "void"
    assert story.minute_of(story.reading("stabilisation", 20, n=2).due) == 35
    assert story.resolve_blocks(34) == ["GATE-08"]
    assert story.resolve_blocks(35) == []


@pytest.mark.ledger("RES-02")
def test_a_bad_sample_restarts_a_window_that_has_passed_as_long_as_nobody_resolved() -> None:
    story = mitigated()

    story.add(40, "sample.bad", JORDAN)

    assert story.resolve_blocks(54) == ["GATE-08"]
    assert story.resolve_blocks(55) == []


def test_at_one_instant_the_earlier_entry_counts_of_a_resolve_and_a_bad_sample() -> None:
    story = mitigated()
    story.add(25, "status.moved", SARAH, **{"from": "monitoring", "to": "resolved"})

    story.add(25, "sample.bad", JORDAN)

    reading = story.reading("stabilisation", 25)
    assert (reading.word, story.minute_of(reading.at)) == ("met", 25)
    assert story.state["status"] == "resolved"


def test_a_warning_does_not_restart_the_window() -> None:
    story = mitigated()

    story.add(20, "alert.fired", None, alert=9, critical=False)

    assert story.resolve_blocks(25) == []


def test_the_window_starts_when_the_end_is_entered_and_only_durations_use_the_time_stated() -> None:
    story = mitigated(at=9)
    later = Story().lead()
    later.add(20, "impact.ended", ALEX, said=9)

    assert story.minute_of(story.reading("stabilisation", 20).due) == 24
    assert later.minute_of(later.reading("stabilisation", 20).due) == 35
    assert impact_minutes(later.state, later.moment(40)) == (9, 9)


def test_an_alert_that_fires_again_in_monitoring_withdraws_the_end_and_voids_the_window() -> None:
    story = mitigated()

    story.add(20, "alert.fired", None, alert=1, critical=True, again=True)

    assert story.state["status"] == "investigating"
    assert story.state["impact"][-1][1] is None
    assert story.reading("stabilisation", 20).word == "void"
    assert story.resolve_blocks(60)[0] in ("GATE-10", "GATE-25")


@pytest.mark.parametrize("back", ["mitigating", "investigating"])
def test_leaving_monitoring_backwards_withdraws_the_end_and_voids_the_window(back: str) -> None:
    story = mitigated()

    story.add(12, "status.moved", SARAH, **{"from": "monitoring", "to": back})

    assert story.state["impact"][-1][1] is None
    assert not [r for r in story.readings(40) if r.clock == "stabilisation" and r.word in ("running", "met")]


@pytest.mark.ledger("RES-01", "RES-04", "RES-14")
def test_resolve_asks_for_the_window_the_proof_and_the_date_of_the_review_all_at_once() -> None:
    story = mitigated()

    assert story.resolve_blocks(12, proof="", review=None) == ["GATE-08", "GATE-08", "GATE-08"]
    assert story.resolve_blocks(25, proof="") == ["GATE-08"]
    assert story.resolve_blocks(25, review=None) == ["GATE-08"]
    assert story.resolve_blocks(25) == []


def test_the_refusal_says_when_resolve_opens_and_how_long_that_is() -> None:
    story = mitigated()

    block = story.blocks(24 + 59 / 60, "status.moved", to="resolved")[0]

    assert "10:25:00 UTC, in 0:01" in block.sentence


@pytest.mark.ledger("INC-12")
@pytest.mark.parametrize("severity", [1, 2])
def test_monitoring_cannot_be_skipped(severity: int) -> None:
    story = Story().lead(severity)

    assert story.resolve_blocks(60) == ["GATE-10"]


def test_on_sev_3_the_owner_resolves_out_of_mitigating_without_a_window() -> None:
    story = Story().open(3, owner=SARAH).declare(3)
    story.add(2, "status.moved", SARAH, **{"from": "investigating", "to": "mitigating"})
    story.add(5, "impact.ended", SARAH)

    assert story.state["status"] == "monitoring"
    assert story.resolve_blocks(5) == []


@pytest.mark.ledger("INC-15", "INC-16")
def test_impact_ends_at_the_mitigation_and_detection_delay_is_its_own_figure() -> None:
    story = mitigated()
    story.add(12, "impact.started", ALEX, at="2026-03-10T09:57:00.000000Z")

    story.add(30, "finding", ALEX, cause=True)

    assert detection_delay(story.state) == 3
    assert impact_minutes(story.state, story.moment(60)) == (13, 13)
    assert durations(story.state)["to impact end"] == 10
    assert durations(story.state)["to cause"] == 30


@pytest.mark.ledger("INC-15")
def test_several_intervals_show_their_sum_and_the_whole_span() -> None:
    story = mitigated()
    story.add(25, "status.moved", SARAH, **{"from": "monitoring", "to": "resolved"})

    story.add(50, "status.moved", SARAH, **{"from": "resolved", "to": "investigating", "again": True})
    story.add(56, "impact.ended", SARAH)

    assert impact_minutes(story.state, story.moment(70)) == (56, 16)


@pytest.mark.ledger("RES-09")
def test_reopened_cadences_start_again_and_first_notices_do_not() -> None:
    story = mitigated()
    story.add(25, "status.moved", SARAH, **{"from": "monitoring", "to": "resolved"})

    story.add(50, "status.moved", SARAH, **{"from": "resolved", "to": "investigating", "again": True})

    running = {r.clock: story.minute_of(r.due) for r in story.readings(50) if r.word == "running"}
    assert running["update.public"] == running["update.clients"] == running["executive"] == 65
    assert not running.keys() & {"client_notice", "status_page", "lead", "bridge", "blast_radius", "theory"}


@pytest.mark.ledger("INC-14")
def test_a_milestone_is_stamped_by_the_first_act_that_fits_and_stays() -> None:
    story = mitigated()
    story.add(12, "update.sent", JORDAN, to=["responders"])
    story.add(13, "update.sent", JORDAN, to=["clients"])
    story.add(14, "update.sent", JORDAN, to=["public"])
    story.add(16, "change.proposed", ALEX, change=2, risk=True)

    stamped = {name: story.minute_of(each["at"]) for name, each in story.state["milestones"].items()}

    assert stamped == {
        "alert_fired": 0, "impact_start": 0, "declared": 0, "ic_assumed": 0, "first_internal_notice": 12,
        "first_external_notice": 13, "mitigation_proposed": 6, "mitigation_approved": 7, "mitigation_started": 8,
        "impact_ended": 10, "monitoring_started": 10,
    }  # fmt: skip
