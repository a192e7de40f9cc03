"""What people read of an alert: which one it is, what it reads now, where it comes from, and what is not listed."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from comms.models import Message
from desk import tick
from desk.room.load import ALERTS
from incidentdesk.kernel import clock, sql
from incidents.models import Incident
from oncall import labels
from oncall.models import Alert
from tests.desk.nights import Night
from tests.desk.test_api_reads import asks, found, token
from tests.factories import do, minutes
from tests.oncall.makers import alert, receive

pytestmark = pytest.mark.django_db
GRAPH = "http://prometheus.example/graph?g0.expr=" + "rate(errors[5m])" * 100
SINCE = datetime(2026, 11, 20, 9, tzinfo=UTC)
RUNBOOK = "https://runbooks.example/errors#first"


def pod(name: str, *, value: str = "", **more: Any) -> dict[str, Any]:
    """One of several alerts that differ by their label `pod` only."""
    told = alert("Slow", since=SINCE, fingerprint=f"fp-{name}", pod=name, cluster="eu-1", **more)
    said = {"summary": f"Error rate {value}" if value else "One text", "value": value, "runbook_url": RUNBOOK}
    return {**told, "annotations": said, "generatorURL": GRAPH}


def heard(night: Night, *told: dict[str, Any], **more: Any) -> Incident:
    receive(night.token, *told, group="g1", **more)
    tick.sweep(now=clock.now())
    return night.incident


def room(client: Client, night: Night) -> str:
    client.force_login(night.anna)
    return client.get(f"/incidents/{night.incident.key}/").content.decode()


def panel(page: str) -> str:
    """The panel of alerts and pages."""
    return page[page.index('id="r-alerts"') : page.index("</section>", page.index('id="r-alerts"'))]


@pytest.mark.ledger("ALR-03")
def test_alerts_that_differ_by_a_label_are_told_apart_in_room_record_api_and_mail(
    client: Client, night: Night
) -> None:
    incident = heard(night, pod("orders-0"), pod("orders-1"))

    shown = panel(room(client, night))
    assert shown.count("<bdi>pod=orders-") == 2 and "cluster=" not in shown
    record = client.get(f"/incidents/{incident.key}/record/").content.decode()
    assert "Labels: cluster=eu-1, pod=orders-0" in record and "Labels: cluster=eu-1, pod=orders-1" in record
    rows = found(asks(token(night.anna), f"/incidents/{incident.uid}/alerts"))["alerts"]
    assert sorted(row["apart"]["pod"] for row in rows) == ["orders-0", "orders-1"]
    assert {row["labels"]["cluster"] for row in rows} == {"eu-1"}
    do(incident, "declarations", night.anna, clock.now(), severity=1, symptom="slow")
    do(incident, "seats", night.anna, clock.now(), role="ic")
    do(incident, "impact-ends", night.anna, clock.now())
    do(incident, "moves", night.anna, clock.now(), to="monitoring", note="it healed itself")
    heard(night, pod("orders-2"))
    assert "pod=orders-2" in Message.objects.get(dedupe_key__startswith="alert:").payload["body"]


def test_the_links_of_an_alert_can_be_followed_whole(client: Client, night: Night) -> None:
    incident = heard(night, pod("orders-0"))

    shown = panel(room(client, night))
    row = found(asks(token(night.anna), f"/incidents/{incident.uid}/alerts"))["alerts"][0]

    assert f'href="{GRAPH}" rel="noreferrer"' in shown and f'href="{RUNBOOK}" rel="noreferrer"' in shown
    assert (row["source_url"], row["runbook_url"]) == (GRAPH, RUNBOOK)


def test_an_alert_without_links_shows_none(client: Client, night: Night) -> None:
    incident = heard(night, alert(since=clock.now()))

    assert "noreferrer" not in panel(room(client, night))
    row = found(asks(token(night.anna), f"/incidents/{incident.uid}/alerts"))["alerts"][0]
    assert (row["source_url"], row["runbook_url"]) == (None, None)


def test_a_repeat_refreshes_what_an_alert_reads_and_open_pages_show_it(client: Client, night: Night) -> None:
    incident = heard(night, pod("orders-0", value="6 %"))
    client.force_login(night.anna)
    before = incident.rev

    incident = heard(night, pod("orders-0", value="48 %"))
    answer = client.get(f"/incidents/{incident.key}/live/?after={before}").content.decode()

    assert 'id="r-alerts"' in answer and "48 %" in answer and 'id="r-sends"' not in answer
    row = found(asks(token(night.anna), f"/incidents/{incident.uid}/alerts"))["alerts"][0]
    assert (row["value"], row["summary"], row["count"]) == ("48 %", "Error rate 48 %", 2)
    fired = incident.texts.get(seq=incident.entries.get(kind="alert.fired").seq)
    assert fired.body["value"] == "6 %"


def test_a_repeat_that_reads_the_same_leaves_the_incident_and_the_tick_alone(night: Night) -> None:
    told = pod("orders-0", value="6 %")
    before = heard(night, told)

    stored = receive(night.token, told, group="g1")

    assert (stored.new, stored.pending) == (0, 0)
    tick.sweep(now=clock.now())
    after = Incident.objects.get()
    assert (after.rev, after.seq) == (before.rev, before.seq)


def test_a_long_reading_that_stays_the_same_is_not_written_anew(night: Night) -> None:
    noise = random.Random(1)
    told = pod("orders-0", **{f"l{n}": "".join(noise.choices("abcdefghij", k=900)) for n in range(30)})
    heard(night, told)
    pages = "SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'oncall_alert'"
    before = sql.run(pages)[0][0]

    for _ in range(20):
        receive(night.token, told, group="g1")

    assert before > 0 and sql.run(pages)[0][0] == before
    assert Alert.objects.get().count == 21


def test_a_warning_of_no_incident_that_reads_otherwise_waits_for_nobody(night: Night) -> None:
    warning = {"severity": "warning"}
    receive(night.token, pod("orders-0", value="6 %", **warning), group="g1")
    tick.sweep(now=clock.now())

    stored = receive(night.token, pod("orders-0", value="7 %", **warning), group="g1")

    assert stored.pending == 0
    assert Alert.objects.get().value == "7 %"


def test_a_stale_repeat_does_not_change_what_a_resolved_alert_reads(night: Night) -> None:
    since = clock.now() - minutes(1)
    heard(night, alert(since=since), by="http://am-1.example")
    heard(night, alert(since=since, until=since + timedelta(seconds=30)), by="http://am-1.example")

    late = {**alert(since=since), "annotations": {"summary": "old news"}}
    heard(night, late, by="http://am-2.example")

    assert (Alert.objects.get().state, Alert.objects.get().summary) == ("resolved", "WriteErrors is high")


def test_the_room_says_how_many_alerts_it_does_not_list(client: Client, night: Night) -> None:
    heard(night, *(pod(f"orders-{n}") for n in range(43)))

    shown = panel(room(client, night))

    assert shown.count('id="alert-') == 40
    assert "3 more alerts not shown here." in shown


def test_the_room_and_the_api_say_how_many_alerts_the_source_left_out(client: Client, night: Night) -> None:
    incident = heard(night, pod("orders-0"), pod("orders-1"), left_out=12)

    assert "The source left out 12 alerts." in panel(room(client, night))
    rows = found(asks(token(night.anna), f"/incidents/{incident.uid}/alerts"))["alerts"]
    assert [row["left_out"] for row in rows] == [12, 12]
    heard(night, pod("orders-0"), pod("orders-1"))
    assert "left out" not in panel(room(client, night))


def test_the_list_of_alerts_is_one_statement_however_many_there_are(night: Night) -> None:
    incident = heard(night, *(pod(f"orders-{n}") for n in range(43)))

    assert len(sql.dicts(ALERTS, [incident.pk, incident.pk])) == 40


def test_an_alert_that_a_person_ended_says_which_and_why(client: Client, night: Night) -> None:
    incident = heard(night, pod("orders-0"), pod("orders-1"))
    row = Alert.objects.order_by("pk")[0]

    do(incident, "alert-ends", night.anna, clock.now(), alert=row.pk, reason="The probe itself is broken.")

    assert "Reason: The probe itself is broken." in room(client, night)
    ended = incident.texts.get(seq=incident.entries.get(kind="alert.resolved").seq).body
    assert "pod=orders-0" in ended["labels"]


def test_labels_that_are_shown_anyhow_or_are_the_same_are_not_repeated() -> None:
    common = {"alertname": "Slow", "severity": "critical", "service": "reports", "zone": "b"}
    told = labels.apart(
        [(1, "Slow", {**common, "pod": "a"}), (2, "Slow", common), (3, "Lag", {**common, "pod": "a"})]
    )

    assert told == {1: (("pod", "a"),), 2: (), 3: (("pod", "a"), ("zone", "b"))}


def test_alerts_that_do_not_differ_show_all_their_labels() -> None:
    told = labels.apart([(1, "Slow", {"zone": "b"}), (2, "Slow", {"zone": "b"})])

    assert told == {1: (("zone", "b"),), 2: (("zone", "b"),)}


def test_many_labels_are_cut_and_counted() -> None:
    told = labels.own({f"l{n:02}": "v" for n in range(11)})

    assert labels.words(told).endswith("l07=v, and 3 more")
