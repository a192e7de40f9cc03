"""Admitting alerts beside transactions that stand still: what they hold up waits, and nothing else does."""

import time
from datetime import datetime

import pytest
from django.db import transaction

from desk import tick
from desk.admission import admit_pending
from incidents import lifecycle
from incidents.models import Deadline, Incident
from oncall.models import Alert, Page
from tests.at_once import at_once
from tests.desk.nights import Night, paged
from tests.factories import T0, make_service, minutes
from tests.held import held
from tests.oncall.makers import alert, receive
from tests.people.factories import make_team, make_user

pytestmark = pytest.mark.django_db(transaction=True)
HOLD_INCIDENT = "SELECT 1 FROM incidents_incident WHERE id = %s FOR NO KEY UPDATE"
HOLD_ALERT = "SELECT 1 FROM oncall_alert WHERE group_key = %s FOR NO KEY UPDATE"
HOLD_PERSON = "UPDATE people_user SET email = 'new.' || email WHERE id = %s"


def open_and_stand_still(night: Night, work: object) -> None:
    """Open an incident by hand, and before its commit do `work` in other connections."""
    with transaction.atomic():
        wanted = lifecycle.Opening(
            title="By hand", services=[night.service], alert_fired_at=T0, source="hand", presumed=1
        )
        lifecycle.open_record(wanted, by=None, now=T0)
        at_once(work)  # type: ignore[arg-type]
        transaction.set_rollback(True)


def groups() -> dict[str, tuple[bool, datetime | None]]:
    """Whether the alert of each group waits, and until when it was put off."""
    return {row.group_key: (row.pending, row.retry_at) for row in Alert.objects.all()}


def test_an_opening_that_stands_still_keeps_its_own_number_and_holds_up_no_other(night: Night) -> None:
    lifecycle.prepare(now=T0)
    receive(night.token, alert(since=T0), group="g1")

    def admit() -> None:
        assert admit_pending(now=T0) == 1

    open_and_stand_still(night, admit)
    receive(night.token, alert("Lag", since=T0), group="g2")
    admit_pending(now=T0)

    assert list(Incident.objects.order_by("pk").values_list("key", flat=True)) == [
        "INC-2026-0002",
        "INC-2026-0001",
    ]
    assert paged() == [("Anna", "chain", 1)] * 2


def test_twenty_openings_at_once_have_twenty_numbers_without_a_gap(night: Night) -> None:
    lifecycle.prepare(now=T0)

    def open_one() -> None:
        with transaction.atomic():
            wanted = lifecycle.Opening(
                title="x", services=[night.service], alert_fired_at=T0, source="hand", presumed=4
            )
            lifecycle.open_record(wanted, by=None, now=T0)

    at_once(*[open_one] * 20)

    keys = sorted(Incident.objects.values_list("key", flat=True))
    assert keys == [f"INC-2026-{number:04}" for number in range(1, 21)]


def test_a_number_that_was_rolled_back_is_given_again_and_a_new_year_begins_at_one(night: Night) -> None:
    with transaction.atomic():
        assert lifecycle.next_key("live", T0) == "INC-2026-0001"
        transaction.set_rollback(True)

    with transaction.atomic():
        assert lifecycle.next_key("live", T0) == "INC-2026-0001"
        assert lifecycle.next_key("live", T0.replace(year=2027)) == "INC-2027-0001"
        assert lifecycle.next_key("drill", T0) == "DRILL-0001"


def test_numbers_go_on_from_the_counter_of_an_older_version_and_past_four_digits(night: Night) -> None:
    from incidents.models import Counter

    Counter.objects.create(series="INC-2026", last=9_998)

    keys = []
    for _ in range(3):
        night.sends(alert(f"A{len(keys)}", since=T0), at=T0, group=f"g{len(keys)}")
        keys.append(Incident.objects.latest("pk").key)

    assert keys == ["INC-2026-9999", "INC-2026-10000", "INC-2026-10001"]


def test_an_act_that_stands_still_holds_up_alerts_of_its_own_incident_alone(night: Night) -> None:
    night.sends(alert(since=T0), at=T0, group="mine")
    receive(night.token, alert("Lag", since=T0), group="mine")
    receive(night.token, alert("Other", since=T0, service="search"), group="theirs")

    with held(HOLD_INCIDENT, night.incident.pk):
        assert admit_pending(now=T0 + minutes(1)) == 1
        standing = dict(Alert.objects.values_list("name", "pending"))
    admit_pending(now=T0 + minutes(1))

    assert standing == {"WriteErrors": False, "Lag": True, "Other": False}
    assert not Alert.objects.filter(pending=True).exists()
    assert Alert.objects.get(name="Lag").incident == Incident.objects.earliest("pk")


def test_an_act_that_stands_still_on_one_teams_incident_holds_up_no_page_of_another_team_of_the_group(
    night: Night,
) -> None:
    dora = make_user("Dora", roles=("ic", "engineer"))
    make_service("Search", team=make_team("Search", people=(dora,)))
    night.sends(alert(since=T0), at=T0, group="mine")
    receive(night.token, alert("Lag", since=T0), alert("Query", since=T0, service="search"), group="mine")

    with held(HOLD_INCIDENT, night.incident.pk):
        assert admit_pending(now=T0 + minutes(1)) == 1
        standing = dict(Alert.objects.values_list("name", "pending"))
    admit_pending(now=T0 + minutes(1))

    assert standing == {"WriteErrors": False, "Lag": True, "Query": False}
    assert paged() == [("Anna", "chain", 1), ("Dora", "chain", 1)]
    assert not Alert.objects.filter(pending=True).exists()


def test_a_lock_timeout_puts_off_no_alert(night: Night) -> None:
    receive(night.token, alert(since=T0), group="held")
    receive(night.token, alert("Other", since=T0, service="search"), group="free")

    with held(HOLD_ALERT, "held"):
        admit_pending(now=T0)
        standing = groups()
    admitted = admit_pending(now=T0)

    assert standing == {"held": (True, None), "free": (False, None)}
    assert admitted == 1 and not Alert.objects.filter(pending=True).exists()


def test_a_poisoned_group_is_still_put_off(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    from desk import admission

    receive(night.token, alert(since=T0), group="bad")

    def breaks(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(admission._Admission, "_open", breaks)
    admit_pending(now=T0)

    assert groups()["bad"] == (True, T0 + admission.PUT_OFF)


def test_a_deadline_that_meets_a_lock_stays_due_and_the_others_are_done(night: Night) -> None:
    night.sends(alert(since=T0), at=T0, group="g1")
    night.sends(alert("Other", since=T0), at=T0, group="g2")
    night.acknowledge(night.anna, at=T0 + minutes(1), incident=Incident.objects.earliest("pk"))

    with held(HOLD_PERSON, night.ben.pk):
        tick.sweep(now=T0 + minutes(6))
        waiting = Deadline.objects.filter(state="armed", due_at__lte=T0 + minutes(6))
        assert list(waiting.values_list("step", "last_error")) == [("next", "")]
    tick.sweep(now=T0 + minutes(6))

    assert not waiting.exists()
    assert Page.objects.filter(user=night.ben).count() == 1


def test_an_alert_never_waits_for_a_change_of_its_token(night: Night) -> None:
    with held("UPDATE people_apitoken SET name = 'being renamed' WHERE revoked_at IS NULL"):
        began = time.monotonic()
        stored = receive(night.token, alert(since=T0), group="g1")

    assert stored.new == 1
    assert time.monotonic() - began < 1, "it would have waited two seconds for the lock"


def test_a_warning_waits_for_the_incident_of_its_service_that_stands_still(night: Night) -> None:
    receive(night.token, alert(since=T0), group="g1")
    admit_pending(now=T0)
    receive(night.token, alert("Slow", since=T0, severity="warning"), group="g2")

    with held(HOLD_INCIDENT, night.incident.pk):
        admit_pending(now=T0 + minutes(1))
    waits = groups()["g2"]
    admit_pending(now=T0 + minutes(1))

    assert waits == (True, None)
    assert Alert.objects.get(name="Slow").incident_id == night.incident.pk
