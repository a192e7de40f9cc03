"""Every clock of the shipped protocol through the real tick: one second before its limit, at it, one second after."""

from datetime import datetime, timedelta

import pytest

from desk import tick
from incidents import lifecycle
from incidents import record as records
from incidents.models import Incident
from incidents.protocol import Draft
from people import accounts
from people.models import User
from tests.factories import T0, make_service, minutes
from tests.incidents.story import ALEX, DANA, JORDAN, MIKE, SARAH
from tests.incidents.test_protocol_limits import CASES, Case, declared
from tests.people.factories import make_team

SECOND = timedelta(seconds=1)


def begun(case: Case) -> tuple[Incident, datetime]:
    """The case's entries as a stored incident, and the instant its clock is due."""
    story = case.begin(case.severity)
    for number in (SARAH, ALEX, JORDAN, DANA, MIKE):
        User(pk=number, email=f"{number}@desk.example", name=f"Person {number}", roles=["ic", "comms"]).save()
    people = [User.objects.get(pk=number) for number in (SARAH, ALEX, JORDAN)]
    team = make_team("On call")
    accounts.set_escalation(team, people)
    opening = lifecycle.Opening(
        title="Writes fail",
        services=[make_service(team=team)],
        alert_fired_at=story.zero,
        source="alert",
        presumed=story.entries[0].payload["presumed"],
    )
    record = lifecycle.open_record(opening, by=None, now=story.zero)
    for entry in story.entries[1:]:
        if "because" not in entry.payload:
            record.add(Draft(entry.kind, dict(entry.payload), entry.by))
    records.save([record], now=story.zero)
    return Incident.objects.get(pk=record.id), story.zero + minutes(case.minutes)


def act(incident: Incident, case: Case, now: datetime) -> None:
    record = records.load(incident.pk, now=now)
    record.add(Draft(case.kind, dict(case.payload), case.by))
    records.save([record], now=now)


def fired(incident: Incident, clock: str, step: str = "overdue") -> list[datetime]:
    """When the step of a clock fired."""
    found = incident.entries.filter(kind="clock.step", payload__clock=clock, payload__step=step)
    return list(found.order_by("seq").values_list("recorded_at", flat=True))


@pytest.mark.django_db
@pytest.mark.ledger("CLK-01")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_tick_finds_a_clock_overdue_at_its_due_instant_once_and_not_a_second_before(case: Case) -> None:
    incident, due = begun(case)

    tick.sweep(now=due - SECOND)
    before = fired(incident, case.clock)
    tick.sweep(now=due)
    tick.sweep(now=due + SECOND)

    assert before == []
    assert fired(incident, case.clock) == [due]


@pytest.mark.django_db
@pytest.mark.ledger("CLK-01")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_tick_finds_nothing_overdue_after_an_act_at_the_very_limit(case: Case) -> None:
    incident, due = begun(case)
    tick.sweep(now=due - SECOND)

    act(incident, case, due)
    tick.sweep(now=due)
    tick.sweep(now=due + SECOND)

    assert fired(incident, case.clock) == []


@pytest.mark.django_db
@pytest.mark.ledger("CLK-31")
def test_the_tick_tells_the_ic_that_the_window_is_open_at_its_end() -> None:
    case = Case("stabilisation", 1, 15, declared, SARAH, "impact.ended", {})
    incident, due = begun(case)
    act(incident, case, due - minutes(15))

    tick.sweep(now=due - SECOND)
    before = fired(incident, "stabilisation", "open")
    tick.sweep(now=due)
    tick.sweep(now=due + SECOND)

    assert before == []
    assert fired(incident, "stabilisation", "open") == [due]


@pytest.mark.django_db
def test_a_row_that_is_always_due_keeps_no_tick_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tick, "batch", lambda *, now: 1)
    monkeypatch.setattr(tick, "ROUNDS", 3)

    assert tick.sweep(now=T0) == 3
