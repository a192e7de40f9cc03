"""From a stored alert to an incident: opening, joining, firing again, ending."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from comms.models import Message
from desk import tick
from desk.admission import admit_pending
from desk.flows import ACTS
from desk.forms.alerts import AlertEndForm
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import Refused
from incidents.models import Incident, Service, TimelineEntry
from incidents.verify import verify
from oncall.models import Alert, Page
from tests.desk.nights import Night, kinds, paged
from tests.factories import T0, do, make_service, minutes, new_id
from tests.oncall.makers import alert, receive
from tests.people.factories import make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.ledger("ALR-02", "INC-05")
def test_a_critical_alert_opens_a_record_and_pages_the_first_of_the_list(night: Night) -> None:
    night.sends(alert(since=T0 - minutes(1)), at=T0)

    incident = night.incident
    assert (incident.status, incident.severity, incident.presumed, incident.owner) == (
        "open",
        None,
        1,
        night.anna,
    )
    assert incident.title == "SEV-1 Ledger: WriteErrors is high"
    assert incident.alert_fired_at == T0 - minutes(1)
    assert kinds(incident) == ["opened", "alert.fired", "page.sent"]
    assert paged() == [("Anna", "chain", 1)]
    mail = Message.objects.get()
    assert (mail.dest, mail.priority, mail.incident) == (night.anna.email, 0, incident)
    assert Alert.objects.get().incident == incident


@pytest.mark.ledger("ALR-03")
def test_several_alerts_of_a_group_are_one_incident_with_each_listed(night: Night) -> None:
    night.sends(alert("WriteErrors", since=T0), alert("Lag", since=T0), at=T0)
    night.sends(alert("Pool", since=T0 + minutes(1)), at=T0 + minutes(1))

    assert sorted(night.incident.alerts.values_list("name", flat=True)) == ["Lag", "Pool", "WriteErrors"]
    assert kinds(night.incident).count("alert.fired") == 3
    assert paged() == [("Anna", "chain", 1)]


def test_another_group_is_another_incident(night: Night) -> None:
    night.sends(alert(since=T0), at=T0, group="g1")
    night.sends(alert("Search", since=T0), at=T0, group="g2")

    assert Incident.objects.count() == 2


def test_the_same_notification_again_changes_nothing(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    before = kinds(night.incident)

    night.sends(alert(since=T0), at=T0 + minutes(1))

    assert kinds(night.incident) == before
    assert Message.objects.count() == 1


@pytest.mark.ledger("ALR-13")
def test_a_warning_opens_nothing_and_wakes_nobody(night: Night) -> None:
    night.sends(alert(since=T0, severity="warning"), at=T0)

    assert not Incident.objects.exists() and not Page.objects.exists()
    assert not Alert.objects.get().pending


def test_a_warning_is_looked_at_once_however_many_stand_beside_it(night: Night) -> None:
    night.sends(alert("First", since=T0, severity="warning"), at=T0, group="w1")
    receive(night.token, alert("Second", since=T0, severity="warning"), group="w2")

    assert [admit_pending(now=T0), admit_pending(now=T0)] == [1, 0]
    assert not Alert.objects.filter(pending=True).exists()


@pytest.mark.ledger("ALR-13")
def test_warnings_of_the_service_stand_beside_the_critical_alert_whichever_came_first(night: Night) -> None:
    night.sends(alert("Before", since=T0, severity="warning"), at=T0, group="w1")
    night.sends(alert(since=T0 + minutes(1)), at=T0 + minutes(1))
    night.sends(alert("After", since=T0 + minutes(2), severity="warning"), at=T0 + minutes(2), group="w2")

    state = night.incident.state["alerts"]
    assert sorted(night.incident.alerts.values_list("name", flat=True)) == ["After", "Before", "WriteErrors"]
    assert sorted(each["critical"] for each in state.values()) == [False, False, True]
    assert paged() == [("Anna", "chain", 1)]


def test_an_unknown_service_is_unsorted_and_still_wakes_somebody(night: Night) -> None:
    night.sends(alert(since=T0, service="no-such-thing"), at=T0)

    assert list(night.incident.services.values_list("slug", flat=True)) == ["unsorted"]
    assert Service.objects.get(slug="unsorted").team == night.team
    assert paged() == [("Anna", "chain", 1)]


@pytest.mark.ledger("ALR-05")
def test_an_alert_that_returns_pages_the_owner_anew_and_says_so(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    night.acknowledge(night.anna, at=T0 + minutes(1))
    night.sends(alert(since=T0, until=T0 + minutes(4)), at=T0 + minutes(4))

    night.sends(alert(since=T0 + minutes(7)), at=T0 + minutes(7))

    fired = TimelineEntry.objects.filter(kind="alert.fired").order_by("seq")
    assert [entry.payload["again"] for entry in fired] == [False, True]
    assert paged() == [("Anna", "chain", 1), ("Anna", "chain", 1)]
    tick.sweep(now=T0 + minutes(12))
    assert paged()[2:] == [("Ben", "chain", 2)]


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=365 * 1_000)])
def test_a_start_in_the_future_silences_no_outage_after_it(night: Night, ahead: timedelta) -> None:
    now = clock.now()
    night.sends(alert(since=now + ahead), at=now)
    night.sends(alert(since=now + ahead), at=now)
    night.sends(alert(since=now + ahead, until=now + ahead), at=now)
    night.acknowledge(night.anna, at=now + minutes(1))

    Alert.objects.update(received_at=now - minutes(30))
    night.sends(alert(since=now - minutes(1)), at=now + minutes(2))

    assert kinds(night.incident).count("alert.fired") == 2
    assert paged() == [("Anna", "chain", 1), ("Anna", "chain", 1)]
    assert list(Alert.objects.order_by("pk").values_list("state", "pending")) == [
        ("resolved", False),
        ("firing", False),
    ]


def test_an_outage_that_began_before_a_wrong_start_was_received_is_no_old_news(night: Night) -> None:
    now = clock.now()
    night.sends(alert(since=now + timedelta(hours=1)), at=now)
    night.acknowledge(night.anna, at=now)

    night.sends(alert(since=now - minutes(5)), at=now + minutes(1))

    assert paged() == [("Anna", "chain", 1), ("Anna", "chain", 1)]
    assert list(Alert.objects.order_by("pk").values_list("state", flat=True)) == ["ended", "firing"]


def test_of_firings_that_wait_together_one_is_taken_also_beside_a_start_in_the_future(night: Night) -> None:
    now = clock.now()
    receive(night.token, alert(since=now - minutes(2)))
    receive(night.token, alert(since=now + timedelta(hours=1)))

    night.sends(alert(since=now - minutes(5)), at=now)

    assert paged() == [("Anna", "chain", 1)]
    assert list(Alert.objects.order_by("pk").values_list("state", flat=True)) == ["ended", "ended", "firing"]


def test_the_start_of_an_earlier_firing_that_comes_late_pages_nobody_again(night: Night) -> None:
    now = clock.now()
    night.sends(alert(since=now), at=now)
    night.acknowledge(night.anna, at=now)

    night.sends(alert(since=now - minutes(5)), at=now + minutes(1))

    assert paged() == [("Anna", "chain", 1)]


def test_a_later_start_without_an_end_between_ends_the_earlier_one(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    night.acknowledge(night.anna, at=T0 + minutes(1))

    night.sends(alert(since=T0 + minutes(3)), at=T0 + minutes(3))

    assert list(Alert.objects.order_by("starts_at").values_list("state", "again")) == [
        ("ended", False),
        ("firing", True),
    ]
    firing = [each["firing"] for each in night.incident.state["alerts"].values()]
    assert sorted(firing) == [False, True]
    assert kinds(night.incident)[-3:] == ["alert.resolved", "alert.fired", "page.sent"]


def test_a_stale_firing_never_reopens_what_its_source_has_started_anew(night: Night) -> None:
    night.sends(alert(since=T0 + minutes(5)), at=T0 + minutes(5))
    before = kinds(night.incident)

    night.sends(alert(since=T0), at=T0 + minutes(6))

    assert kinds(night.incident) == before
    assert Alert.objects.get(starts_at=T0).state == "ended"


def test_a_resolved_alert_proposes_and_moves_nothing(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)

    night.sends(alert(since=T0, until=T0 + minutes(4)), at=T0 + minutes(4))

    assert night.incident.status == "open"
    assert kinds(night.incident)[-1] == "alert.resolved"


def test_an_alert_that_fired_and_ended_between_two_ticks_is_not_lost(night: Night) -> None:
    receive(night.token, alert(since=T0), group="g1")
    night.sends(alert(since=T0, until=T0 + timedelta(seconds=1)), at=T0 + timedelta(seconds=1))

    assert kinds(night.incident) == ["opened", "alert.fired", "page.sent", "alert.resolved"]


def test_an_end_without_a_firing_opens_nothing(night: Night) -> None:
    night.sends(alert(since=T0, until=T0 + minutes(1)), at=T0 + minutes(1))
    night.sends(alert(since=T0), at=T0 + minutes(2))

    assert not Incident.objects.exists()


def test_after_the_incident_is_over_a_return_opens_a_new_one_that_follows_it(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    first = night.incident
    night.acknowledge(night.anna, at=T0 + minutes(1))
    night.sends(alert(since=T0, until=T0 + minutes(4)), at=T0 + minutes(4))
    close = ACTS["closures"]
    close(
        first.pk,
        close.form(reason="A test of the alarm."),
        by=night.anna,
        request_id=new_id(),
        now=T0 + minutes(5),
    )

    night.sends(alert(since=T0 + minutes(9)), at=T0 + minutes(9))

    second = Incident.objects.latest("pk")
    assert second != first and second.follows == first
    assert paged(second) == [("Anna", "chain", 1)]


def test_a_group_that_cannot_be_admitted_does_not_hold_up_the_others(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    from desk import admission

    real = admission.triage.title
    monkeypatch.setattr(
        admission.triage,
        "title",
        lambda level, names, text: 1 / 0 if "Poison" in text else real(level, names, text),
    )

    receive(night.token, alert("Poison", since=T0), group="bad")
    night.sends(alert(since=T0), at=T0)

    assert night.incident.title.endswith("WriteErrors is high")
    poisoned = Alert.objects.get(name="Poison")
    assert poisoned.pending and poisoned.retry_at == T0 + timedelta(seconds=30)


def test_an_alert_ended_by_hand_no_longer_fires_and_its_late_end_adds_nothing(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    row = Alert.objects.get()

    form = AlertEndForm(alert=row.pk, reason="The probe itself is broken.")
    ACTS["alert-ends"](night.incident.pk, form, by=night.anna, request_id=new_id(), now=T0 + minutes(3))
    before = kinds(night.incident)
    night.sends(alert(since=T0, until=T0 + minutes(5)), at=T0 + minutes(5))

    assert not any(each["firing"] for each in night.incident.state["alerts"].values())
    assert kinds(night.incident) == before
    with pytest.raises(Refused):
        ACTS["alert-ends"](night.incident.pk, form, by=night.anna, request_id=new_id(), now=T0 + minutes(6))


@pytest.mark.django_db(transaction=True)
@pytest.mark.ledger("ALR-02")
def test_several_ticks_at_once_open_one_incident_and_page_once(night: Night) -> None:
    receive(night.token, *(alert(f"A{n}", since=T0) for n in range(40)), group="g1")

    def admit(_: int) -> int:
        try:
            return admit_pending(now=T0)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(admit, range(8)))

    assert Incident.objects.count() == 1
    assert Alert.objects.filter(incident=night.incident, pending=False).count() == 40
    assert kinds(night.incident).count("alert.fired") == 40
    assert paged() == [("Anna", "chain", 1)]


@pytest.mark.ledger("RES-02")
def test_an_alert_that_starts_the_window_anew_is_told_to_everybody(night: Night) -> None:
    night.sends(alert("Errors", since=T0), at=T0)
    do(night.incident, "declarations", night.anna, T0 + minutes(1), severity=1, symptom="writes fail")
    do(night.incident, "seats", night.anna, T0 + minutes(1), role="ic")
    do(night.incident, "seats", night.anna, T0 + minutes(1), role="ops", person=night.ben.uid)
    do(night.incident, "impact-ends", night.anna, T0 + minutes(5))

    night.sends(alert("Lag", since=T0 + minutes(9)), at=T0 + minutes(9))

    told = Message.objects.filter(payload__subject__icontains="the window starts again")
    assert sorted(told.values_list("dest", flat=True)) == sorted([night.anna.email, night.ben.email])


class Neighbours(Night):
    """The night, and a second team on call for the service `search` and for `index`."""

    def __init__(self) -> None:
        super().__init__()
        self.dora, self.emil = (make_user(name, roles=("ic", "engineer")) for name in ("Dora", "Emil"))
        self.theirs = make_team("Search", people=(self.dora, self.emil))
        make_service("Search", team=self.theirs)
        make_service("Index", team=self.theirs)
        make_service("Invoices", team=self.team)


@pytest.fixture
def neighbours() -> Neighbours:
    return Neighbours()


def on(name: str) -> str:
    """The key of the incident that the alert of this name is on, empty for none."""
    return Alert.objects.filter(name=name, past=0).values_list("incident__key", flat=True).latest("id") or ""


@pytest.mark.parametrize("group", ["g1", ""])
def test_one_notification_about_two_teams_pages_the_first_of_each(neighbours: Neighbours, group: str) -> None:
    neighbours.sends(alert("Write", since=T0), alert("Query", since=T0, service="search"), at=T0, group=group)

    assert sorted(paged()) == [("Anna", "chain", 1), ("Dora", "chain", 1)]
    assert on("Write") != on("Query")


def test_a_second_service_of_a_team_joins_its_teams_incident_of_the_group(neighbours: Neighbours) -> None:
    neighbours.sends(alert("Write", since=T0), alert("Query", since=T0, service="search"), at=T0)

    later = T0 + minutes(1)
    neighbours.sends(
        alert("Lag", since=later, service="index"), alert("Bills", since=later, service="invoices"), at=later
    )

    assert (on("Lag"), on("Bills")) == (on("Query"), on("Write"))
    assert len(paged()) == 2


@pytest.mark.parametrize("group", ["g1", ""])
def test_a_team_is_paged_also_where_another_teams_incident_of_the_group_stands(
    neighbours: Neighbours, group: str
) -> None:
    neighbours.sends(alert("Write", since=T0), at=T0, group=group)

    neighbours.sends(alert("Query", since=T0, service="search"), at=T0 + minutes(1), group=group)

    assert paged() == [("Anna", "chain", 1), ("Dora", "chain", 1)]


def test_an_alert_of_an_unknown_service_joins_whatever_its_group_has(neighbours: Neighbours) -> None:
    neighbours.sends(alert("Query", since=T0, service="search"), at=T0)

    neighbours.sends(alert("Odd", since=T0, service="no-such"), at=T0 + minutes(1))

    assert on("Odd") == on("Query")
    assert paged() == [("Dora", "chain", 1)]


def test_a_warning_of_another_team_waits_for_its_own_teams_incident(neighbours: Neighbours) -> None:
    neighbours.sends(alert("Write", since=T0), at=T0)
    neighbours.sends(alert("Slow", since=T0, service="search", severity="warning"), at=T0 + minutes(1))
    alone = on("Slow")

    neighbours.sends(alert("Query", since=T0, service="search"), at=T0 + minutes(2))
    admit_pending(now=T0 + minutes(2))

    assert alone == ""
    assert on("Slow") == on("Query") != on("Write")


def test_a_warning_beside_another_teams_incident_that_turns_critical_pages_its_own_team(
    neighbours: Neighbours,
) -> None:
    neighbours.sends(alert("Write", since=T0), at=T0)
    first = neighbours.incident
    first.services.add(Service.objects.get(slug="search"))  # as a commander does who states what is hit
    slow = {"service": "search", "fingerprint": "fp"}
    neighbours.sends(alert("Slow", since=T0, severity="warning", **slow), at=T0 + minutes(1), group="w")
    beside = on("Slow")

    neighbours.sends(alert("Slow", since=T0, **slow), at=T0 + minutes(2), group="w")
    neighbours.sends(alert("Slow", since=T0, **slow), at=T0 + minutes(3), group="w")

    assert beside == first.key
    assert on("Slow") != first.key
    assert paged() == [("Anna", "chain", 1), ("Dora", "chain", 1)]
    first.refresh_from_db()
    assert [each["firing"] for each in first.state["alerts"].values()] == [True, False]
    assert verify(first) is None


def test_who_was_on_another_teams_incident_is_paged_when_the_alert_fires_again(
    neighbours: Neighbours,
) -> None:
    neighbours.sends(alert("Write", since=T0), at=T0)
    search = Service.objects.get(slug="search")
    Service.objects.filter(pk=search.pk).update(team=neighbours.team)
    neighbours.sends(alert("Query", since=T0, service="search"), at=T0 + minutes(1))
    Service.objects.filter(pk=search.pk).update(team=neighbours.theirs)

    again = T0 + minutes(9)
    neighbours.sends(alert("Query", since=T0, until=T0 + minutes(5), service="search"), at=T0 + minutes(5))
    neighbours.sends(alert("Query", since=again, service="search"), at=again)

    assert paged() == [("Anna", "chain", 1), ("Dora", "chain", 1)]
    assert Incident.objects.latest("pk").follows is None
