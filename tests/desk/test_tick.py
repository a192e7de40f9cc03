"""The tick: each deadline once, at its time, whatever else happens."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction

from comms.models import Message
from desk import reactions, tick
from incidentdesk.kernel import leaving
from incidents import deadlines
from incidents.models import Deadline, Incident, TimelineEntry
from incidents.verify import verify
from tests.at_once import at_once
from tests.factories import T0, commander, do, make_incident, make_paged, make_user, minutes


def kinds(incident: Incident, kind: str = "clock.step") -> list[dict[str, Any]]:
    """Payloads of an incident's entries of one kind, oldest first."""
    return list(incident.entries.filter(kind=kind).order_by("seq").values_list("payload", flat=True))


def steps(incident: Incident, clock: str) -> list[str]:
    """The steps that a clock has fired, in order."""
    return [payload["step"] for payload in kinds(incident) if payload["clock"] == clock]


def tick_to(now: datetime) -> None:
    """The tick as it would have run once a second: everything due up to `now`, each at its own second."""
    while (due := deadlines.next_due()) is not None and due <= now:
        tick.sweep(now=due)
    tick.sweep(now=now)


@pytest.mark.django_db
@pytest.mark.ledger("CLK-16")
def test_an_update_is_reminded_before_it_is_due_and_escalates_when_it_is_late() -> None:
    ic, comms = commander("Sarah"), make_user("Jordan", roles=("comms",))
    incident = make_incident(by=ic)
    do(incident, "seats", ic, T0, role="ic")
    do(incident, "seats", ic, T0, role="comms", person=comms.uid)

    tick_to(T0 + minutes(11) + minutes(59 / 60))
    assert steps(incident, "update.public") == []
    tick_to(T0 + minutes(12))
    assert kinds(incident)[-1]["to"] == [comms.pk]
    tick_to(T0 + minutes(14))
    assert steps(incident, "update.public") == ["remind"]
    tick_to(T0 + minutes(17))

    assert steps(incident, "update.public") == ["remind", "overdue", "overdue_ic"]
    late = [p["to"] for p in kinds(incident) if p["clock"] == "update.public"]
    assert late == [[comms.pk], [comms.pk], [ic.pk]]


@pytest.mark.django_db
def test_reminders_of_one_instant_to_one_person_are_one_message() -> None:
    ic, comms = commander("Sarah"), make_user("Jordan", roles=("comms",))
    incident = make_incident(by=ic)
    do(incident, "seats", ic, T0, role="ic")
    do(incident, "seats", ic, T0, role="comms", person=comms.uid)

    tick_to(T0 + minutes(12))

    reminders = Message.objects.filter(dest=comms.email, dedupe_key__contains=":remind")
    assert reminders.count() == 1
    assert reminders.get().payload["subject"].endswith("4 clocks need you")


@pytest.mark.django_db
@pytest.mark.ledger("CLK-21")
def test_a_page_nobody_answers_goes_to_the_next_person_then_to_all_then_red() -> None:
    first, second, third = commander("A"), commander("B"), commander("C")
    incident = make_paged(first, second, third)

    tick_to(T0 + minutes(4.9))
    assert len(kinds(incident, "page.sent")) == 1
    tick_to(T0 + minutes(5))
    assert kinds(incident, "page.sent")[-1]["pages"] == [[2, second.pk]]
    tick_to(T0 + minutes(10))
    assert kinds(incident, "page.sent")[-1]["pages"] == [[3, third.pk]]
    tick_to(T0 + minutes(19.9))
    assert len(kinds(incident, "page.sent")) == 3
    tick_to(T0 + minutes(40))

    calls = [payload["call"] for payload in kinds(incident, "page.sent")]
    assert calls == ["chain", "chain", "chain", "all", "all", "all"]
    incident.refresh_from_db()
    assert not incident.unanswered
    tick_to(T0 + minutes(50))
    incident.refresh_from_db()
    assert incident.unanswered
    assert Message.objects.filter(dedupe_key__startswith=f"page:{incident.uid}").count() == 12


@pytest.mark.django_db
def test_one_answer_stops_the_chain_and_ends_the_other_pages() -> None:
    first, second = commander("A"), commander("B")
    incident = make_paged(first, second)
    tick_to(T0 + minutes(5))

    do(incident, "entries", second, T0 + minutes(6), kind="note", text="on it")
    tick_to(T0 + minutes(60))

    assert [p["page"] for p in kinds(incident, "page.acknowledged")] == [2]
    assert len(kinds(incident, "page.sent")) == 2
    assert incident.owner_id == second.pk


@pytest.mark.django_db
def test_after_an_outage_missed_updates_are_one_entry_and_no_step_of_the_missed_ones_fires() -> None:
    incident = make_incident()

    tick.sweep(now=T0 + minutes(15 * 4 + 1))

    rolled = [p for p in kinds(incident, "clock.rolled") if p["clock"] == "update.public"]
    assert [p["missed"] for p in rolled] == [3]
    fired = [(p["n"], p["step"]) for p in kinds(incident) if p["clock"] == "update.public"]
    assert fired == [(4, "overdue")]


@pytest.mark.django_db
@pytest.mark.ledger("CLK-01")
def test_each_step_fires_once_for_ever_however_often_the_tick_runs() -> None:
    incident = make_incident()

    for _ in range(3):
        tick.sweep(now=T0 + minutes(6))

    fired = [tuple(p[part] for part in ("clock", "subject", "n", "step")) for p in kinds(incident)]
    assert len(fired) == len(set(fired)) > 0
    incident.refresh_from_db()
    assert verify(incident) is None


@pytest.mark.django_db
def test_a_row_that_raises_is_pushed_on_with_its_error_and_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    poisoned, healthy = make_incident(), make_incident()
    first = Deadline.objects.filter(incident=poisoned, clock="ic", step="overdue").get()
    real = reactions.overdue

    def poison(due: reactions.Due) -> reactions.Reaction:
        if due.state["owner"] == poisoned.owner_id and due.clock.id == "ic":
            raise ValueError("a bad row")
        return real(due)

    monkeypatch.setitem(reactions.REACTIONS, "overdue", poison)
    tick.batch(now=T0 + minutes(2))

    first.refresh_from_db()
    assert first.state == "armed"
    assert first.last_error == "ValueError: a bad row"
    assert steps(healthy, "ic") == ["overdue"]
    assert steps(poisoned, "ic") == []


@pytest.mark.django_db
def test_a_driven_incident_is_left_alone_by_the_tick_and_moved_by_its_driver() -> None:
    ic = commander()
    incident = make_incident(by=ic)
    Incident.objects.filter(pk=incident.pk).update(time="driven")
    Deadline.objects.filter(incident=incident).update(driven=True)

    tick.sweep(now=T0 + minutes(30))
    assert kinds(incident) == []
    tick.drive(incident.pk, until=T0 + minutes(5))

    recorded = list(incident.entries.filter(kind="clock.step").values_list("recorded_at", flat=True))
    assert recorded == sorted(recorded)
    assert all(at < T0 + minutes(5) for at in recorded)
    assert T0 + minutes(2) in recorded


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_do_each_deadline_once() -> None:
    incidents = [make_incident() for _ in range(12)]

    def work() -> None:
        for _ in range(4):
            tick.sweep(now=T0 + minutes(6))

    at_once(*[work] * 4)

    assert not Deadline.objects.filter(state="armed", due_at__lte=T0 + minutes(6)).exists()
    for incident in incidents:
        incident.refresh_from_db()
        assert verify(incident) is None
        fired = [tuple(p[part] for part in ("clock", "subject", "n", "step")) for p in kinds(incident)]
        assert len(fired) == len(set(fired))


@pytest.mark.django_db(transaction=True)
def test_the_claim_waits_for_no_lock() -> None:
    held, free = make_incident(), make_incident()

    with transaction.atomic():
        Incident.objects.select_for_update().get(pk=held.pk)
        seen: list[int] = []

        def claim() -> None:
            with transaction.atomic():
                seen.extend({due.incident for due in deadlines.claim_due(now=T0 + minutes(6), limit=200)})
            connections.close_all()

        thread = threading.Thread(target=claim)
        thread.start()
        thread.join(timeout=5)
        assert not thread.is_alive()

    assert seen == [free.pk]
    assert connection.connection is not None
    assert TimelineEntry.objects.filter(incident=held, kind="clock.step").count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_due_incident_in_somebodys_hands_is_asked_for_now_and_then_not_without_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    incident, now = make_incident(), T0 + minutes(6)
    swept: list[int] = []
    real = tick.sweep
    monkeypatch.setattr(tick, "sweep", lambda **given: swept.append(real(**given)) or swept[-1])

    def holds() -> None:
        with transaction.atomic():
            Incident.objects.select_for_update().get(pk=incident.pk)
            held.set()
            given_up.wait(10)

    def ticks() -> None:
        held.wait(10)
        tick.run(now=now, until=now + timedelta(seconds=0.3))
        given_up.set()

    held, given_up = threading.Event(), threading.Event()
    at_once(holds, ticks)

    assert not any(swept)
    assert 2 <= len(swept) <= 7


@pytest.mark.django_db
def test_a_process_that_is_to_end_begins_no_further_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    incidents, now = [make_incident() for _ in range(3)], T0 + minutes(6)
    monkeypatch.setattr(leaving, "asked", lambda: True)
    monkeypatch.setattr(tick, "batch", lambda *, now, real=tick.batch: real(now=now, limit=1))

    done = tick.run(now=now, until=now + timedelta(seconds=30))

    assert done == 1
    assert Deadline.objects.filter(incident__in=incidents, state="armed", due_at__lte=now).count() > 1
