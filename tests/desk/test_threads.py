"""Mail threads: one subject per incident and audience, kept until the severity changes (INT-25)."""

import re
from datetime import datetime

import pytest

from comms import bundles, delivery, threads
from comms.models import Audience, Message, Thread, UpdateText
from desk import tick
from incidents.models import Incident
from people.models import User
from tests.desk.nights import Night
from tests.factories import T0, commander, do, make_client, make_incident, make_service, minutes
from tests.oncall.makers import alert
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


def leaving(now: datetime, *, since: int = 0) -> list[tuple[str, str, str]]:
    """Subject, thread and first line of each mail that was put after the message `since`, as it leaves."""
    found = Message.objects.select_related("text", "thread", "announces").filter(
        channel="email", pk__gt=since
    )
    packed = [
        delivery.parcel([each], {}, bundles.written([each], now=now), now=now).payload
        for each in found.order_by("pk")
    ]
    return [(each["subject"], each["thread"], each["body"].partition("\n")[0]) for each in packed]


def last() -> int:
    """The latest message."""
    return Message.objects.latest("pk").pk


@pytest.fixture
def led(night: Night) -> tuple[Incident, User]:
    """An incident from an alert, declared as SEV-2 and led by Anna."""
    night.sends(alert(since=T0), at=T0)
    incident = night.incident
    do(
        incident,
        "declarations",
        night.anna,
        T0 + minutes(1),
        severity=1,
        symptom="Payouts late",
        title="Payouts late",
    )
    do(incident, "seats", night.anna, T0 + minutes(1), role="ic")
    return incident, night.anna


@pytest.mark.ledger("INT-25")
def test_pages_notices_reminders_and_updates_of_an_incident_have_one_subject(
    led: tuple[Incident, User], night: Night
) -> None:
    incident, anna = led
    do(incident, "pages", anna, T0 + minutes(2), person=night.cleo.uid, text="Please look.")
    do(incident, "updates", anna, T0 + minutes(3), audiences=["responders"], impact="Payouts are late.")
    tick.sweep(now=T0 + minutes(20))
    do(
        incident,
        "updates",
        anna,
        T0 + minutes(21),
        audiences=["responders"],
        impact="Payouts are late still.",
    )

    mails = leaving(T0 + minutes(21))

    assert {(subject, thread) for subject, thread, _ in mails} == {
        (f"[{incident.key}] SEV-1 Ledger: WriteErrors is high", f"{incident.uid}.responders")
    }
    firsts = [first for _, _, first in mails]
    assert any(re.match(r"You are paged for INC-", first) for first in firsts)
    assert "Update 1: Investigating." in firsts and "Update 2: Investigating." in firsts
    assert any("overdue since" in first or "due at" in first for first in firsts)


@pytest.mark.ledger("INT-25", "COM-29")
def test_a_change_of_severity_is_announced_in_the_old_thread_and_begins_a_new_one(
    led: tuple[Incident, User],
) -> None:
    incident, anna = led
    since, old = last(), f"[{incident.key}] SEV-1 Ledger: WriteErrors is high"
    new = f"[{incident.key}] SEV-3 Ledger: Payouts late"

    do(incident, "severity", anna, T0 + minutes(5), severity=3, reason="One client only")
    announced, since = leaving(T0 + minutes(5), since=since), last()
    do(incident, "updates", anna, T0 + minutes(6), audiences=["responders"], impact="One client waits.")
    after = leaving(T0 + minutes(6), since=since)

    assert {subject for subject, _, _ in announced} == {old}
    assert all(
        first == f"The severity is now SEV-3. It was SEV-1. Later emails have the subject “{new}”."
        for _, _, first in announced
    )
    assert {(subject, thread) for subject, thread, _ in after} == {(new, f"{incident.uid}.responders.2")}


def test_another_title_or_service_changes_no_subject(led: tuple[Incident, User]) -> None:
    incident, anna = led
    make_service("Search")
    before = Thread.objects.get(audience="responders").subject

    do(incident, "scope", anna, T0 + minutes(4), services=["ledger", "search"], clients=[])
    Incident.objects.filter(pk=incident.pk).update(title="Another title")
    do(incident, "updates", anna, T0 + minutes(5), audiences=["responders"], impact="Payouts are late.")

    assert {subject for subject, _, _ in leaving(T0 + minutes(5))} == {before}
    assert UpdateText.objects.get().subject == before


@pytest.mark.ledger("INT-25")
def test_executives_have_a_thread_of_their_own_and_clients_read_no_severity() -> None:
    sarah, client = commander("Sarah"), make_client()
    make_user("Ed", roles=("executive",))
    incident = make_incident(by=sarah, service=make_service("Ledger"), clients=[client.slug], severity=1)
    do(incident, "seats", sarah, T0, role="ic")
    for minute, to in ((1, None), (2, 2), (3, None)):
        if to:
            do(incident, "severity", sarah, T0 + minutes(minute), severity=to, reason="Fewer clients")
        else:
            do(incident, "updates", sarah, T0 + minutes(minute), audiences=["executives", "clients"],
               impact="Payouts are late.", business="Fees", shareable="We look into it.")  # fmt: skip
    do(incident, "updates", sarah, T0 + minutes(4), audiences=["executives"], impact="Late.", business="Fees")

    by_audience = {
        audience: [each for each in leaving(T0 + minutes(4)) if f".{audience}" in each[1]]
        for audience in ("executives", "clients")
    }
    assert [thread.rpartition(".executives")[2] for _, thread, _ in by_audience["executives"]] == [
        "",
        "",
        ".2",
    ]
    assert by_audience["executives"][1][2].startswith("The severity is now SEV-2. It was SEV-1.")
    assert {subject for subject, _, _ in by_audience["clients"]} == {"Disruption of Ledger"}
    assert {first for _, _, first in by_audience["clients"]} == {
        "Update 1: Under investigation.", "Update 2: Under investigation.",
    }  # fmt: skip


def test_a_message_of_an_older_version_leaves_under_its_own_subject() -> None:
    incident = make_incident(by=commander("Sarah"))
    message = Message.objects.filter(channel="email").first() or Message()
    message.thread, message.payload = (
        None,
        {"subject": "Old", "body": "b", "thread": f"{incident.uid}.responders"},
    )

    assert delivery.parcel([message], {}, {}, now=T0).payload["subject"] == "Old"


@pytest.mark.parametrize(
    ("title", "services", "said"),
    [
        ("SEV-1 Ledger: writes fail", ["Ledger"], "[INC-1] SEV-2 Ledger: writes fail"),
        ("Writes fail", ["Ledger", "Search", "Mail"], "[INC-1] SEV-2 Ledger, Search and 1 more: Writes fail"),
        ("Writes\r\nBcc: all fail", [], "[INC-1] SEV-2 Writes Bcc: all fail"),
        ("x" * 500, [], ("[INC-1] SEV-2 " + "x" * 500)[: threads.LIMIT]),
    ],
)
def test_a_subject_names_severity_service_and_effect(title: str, services: list[str], said: str) -> None:
    assert threads.subject(Audience.RESPONDERS, "INC-1", 2, services, title) == said
