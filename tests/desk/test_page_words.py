"""What a page's mail says when it leaves: what fired and how it stands, who did not answer, who is next."""

from datetime import datetime

import pytest

from comms import bundles, delivery
from comms.models import Message
from desk import tick
from incidentdesk.kernel import clock
from incidents.models import Incident
from oncall.models import Alert
from tests.desk.nights import Night
from tests.factories import T0, do, minutes
from tests.oncall.makers import alert

pytestmark = pytest.mark.django_db


def mail(now: datetime, *, to: str = "") -> str:
    """The body of the page that leaves at `now`."""
    message = Message.objects.filter(dedupe_key__startswith="page:", **({"dest": to} if to else {})).latest(
        "pk"
    )
    return str(delivery.parcel([message], {}, bundles.written([message], now=now)).payload["body"])


def test_a_page_names_each_alert_its_value_and_since_when(night: Night) -> None:
    night.sends(alert(since=T0 - minutes(2)), alert("Lag", since=T0 - minutes(1)), at=T0)
    Alert.objects.filter(name="Lag").update(value="7.5 s")

    said = mail(T0 + minutes(1))

    assert f"You are paged for {night.incident.key}: SEV-1 Ledger: " in said
    assert "WriteErrors, firing since 06:45:00 UTC (3 min)." in said
    assert "Lag: 7.5 s, firing since 06:46:00 UTC (2 min)." in said


@pytest.mark.ledger("ESC-10")
def test_who_is_woken_next_reads_who_did_not_answer_and_who_follows(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    tick.sweep(now=T0 + minutes(5))
    tick.sweep(now=T0 + minutes(10))

    said = mail(T0 + minutes(10), to=night.cleo.email)

    assert "Not acknowledged: Anna (06:47:00 UTC), Ben (06:52:00 UTC)." in said
    assert "Next: Anna, Ben, Cleo at 07:07:00 UTC, unless somebody acknowledges." in said


def test_a_page_of_an_alert_that_resolved_meanwhile_says_when(night: Night) -> None:
    now = clock.now()
    night.sends(alert(since=now - minutes(6)), at=now - minutes(6))
    night.sends(alert(since=now - minutes(6), until=now - minutes(5.9)), at=now - minutes(5.9))
    tick.sweep(now=now)

    said = mail(now, to=night.ben.email)

    assert "No alert of this incident fires now." in said
    assert f"WriteErrors, firing since {now - minutes(6):%H:%M:%S} UTC" in said
    assert f"resolved at {now - minutes(5.9):%H:%M:%S} UTC." in said


def test_a_page_that_leaves_after_the_answer_says_who_acknowledged(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    Message.objects.update(attempt=1)
    night.acknowledge(night.anna, at=T0 + minutes(1))

    said = mail(T0 + minutes(2))

    assert "Anna acknowledged at 06:48:00 UTC." in said and "Next:" not in said


def test_a_page_late_by_minutes_never_names_a_next_call_that_has_passed(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)

    said = mail(T0 + minutes(6))

    assert "Next: Ben now, unless somebody acknowledges." in said
    assert "06:52" not in said


def test_a_page_by_hand_keeps_what_its_sender_asked(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    night.acknowledge(night.anna, at=T0 + minutes(1))

    do(
        night.incident,
        "pages",
        night.anna,
        T0 + minutes(2),
        person=night.cleo.uid,
        text="I need an approver.",
    )

    said = mail(T0 + minutes(2), to=night.cleo.email)
    assert "Anna asks for you. I need an approver." in said and "WriteErrors, firing since" in said
    assert "Next:" not in said


def test_a_list_that_is_cut_says_how_many_are_missing(night: Night) -> None:
    night.sends(*(alert(f"Alert{n}", since=T0) for n in range(9)), at=T0)

    assert "4 more alerts on this incident." in mail(T0)


def test_the_mails_of_fifty_incidents_take_as_many_queries_as_that_of_one(
    night: Night, django_assert_num_queries: object
) -> None:
    for number in range(50):
        night.sends(alert(f"A{number}", since=T0), at=T0, group=f"g{number}")
    messages = list(Message.objects.filter(dedupe_key__startswith="page:"))
    bundles.written(messages, now=T0)

    with django_assert_num_queries(3):  # type: ignore[operator]  # a fixture of pytest-django
        assert len(bundles.written(messages, now=T0)) == 50

    assert Incident.objects.count() == 50


@pytest.mark.ledger("ALR-03")
def test_a_page_tells_alerts_of_one_name_apart_and_links_source_and_runbook(night: Night) -> None:
    told = [alert("Slow", since=T0, fingerprint=pod, pod=pod, zone="b") for pod in ("orders-0", "orders-1")]
    told[0] |= {"generatorURL": "http://prometheus.example/graph?g0.expr=up"}
    told[0]["annotations"]["runbook_url"] = "https://runbooks.example/slow"
    night.sends(*told, at=T0)

    said = mail(T0 + minutes(1))

    assert "Slow (pod=orders-0), firing since" in said and "Slow (pod=orders-1), firing since" in said
    assert "  Runbook: https://runbooks.example/slow" in said
    assert "  Source: http://prometheus.example/graph?g0.expr=up" in said


def test_a_page_says_how_many_earlier_pages_it_does_not_name(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    for minute in range(5, 50):
        tick.sweep(now=T0 + minutes(minute))

    said = mail(T0 + minutes(49), to=night.anna.email)

    assert ", and " in said and " earlier." in said


def test_a_page_of_an_incident_that_an_older_version_stored_says_all_the_same(night: Night) -> None:
    night.sends(alert(since=T0), at=T0)
    Incident.objects.filter(pk=night.incident.pk).update(fold_version=0, state={"of": "another time"})

    said = mail(T0 + minutes(1))

    assert "WriteErrors, firing since" in said and "Next: Ben" in said
