"""The room as one person reads it at one instant, for tests."""

from datetime import datetime

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from desk.room.load import begin
from desk.room.shapes import Banner
from desk.room.view import Room, whole
from incidents import lifecycle, record
from incidents.models import Incident, Service
from incidents.protocol import Draft
from people.models import User
from tests.factories import T0, do, make_client, make_incident, make_service, minutes


def room_of(incident: Incident, viewer: User, now: datetime) -> Room:
    """The whole room at `now`."""
    return whole(begin(Incident.objects.get(pk=incident.pk), viewer, now=now, tick=None))


def banner(room: Room, name: str) -> Banner | None:
    """A banner by its id."""
    return next((each for each in room.banners if each.id == name), None)


def by_alert(owner: User, *, now: datetime = T0, service: Service | None = None) -> Incident:
    """A record that an alert opened, one person paged."""
    with transaction.atomic():
        opening = lifecycle.Opening(
            title="writes fail", services=[service or make_service("Pager")], alert_fired_at=now, source="alert",
            presumed=1, owner=owner.pk,
        )  # fmt: skip
        opened = lifecycle.open_record(opening, by=None, now=now)
        opened.add(
            Draft("alert.fired", {"alert": 1, "critical": True, "presumed": 1}, texts={"name": "WriteErrors"})
        )
        opened.add(Draft("page.sent", {"pages": [[1, owner.pk]], "call": "chain", "level": 1}))
        record.save([opened], now=now)
    return Incident.objects.get(pk=opened.id)


def add(incident: Incident, *drafts: Draft, now: datetime) -> Incident:
    """Entries on a record, in one transaction, past every flow."""
    with transaction.atomic():
        held = record.load(incident.pk, now=now)
        for draft in drafts:
            held.add(draft)
        record.save([held], now=now)
    incident.refresh_from_db()
    return incident


def led(ic: User, by: User, **fields: object) -> Incident:
    """An incident declared by one person and led by another."""
    incident = make_incident(by=by, **fields)  # type: ignore[arg-type]
    do(incident, "seats", ic, T0 + minutes(1), role="ic")
    return incident


def propose(incident: Incident, by: User, now: datetime, **more: object) -> None:
    """A change with all its parts."""
    do(incident, "changes", by, now, **{"what": "Turn off automatic fail-back", "target": "db-1", "why": "it flaps",
       "effect": "the primary stays", "risk": "30 s of writes", "undo": "turn it on", **more})  # fmt: skip


def rich(sarah: User, alex: User) -> Incident:
    """An incident with something in every region."""
    service = make_service(
        "Ledger", bridge="https://meet.example/l", dashboards=[{"name": "W", "url": "https://g.example"}]
    )
    incident = led(sarah, alex, service=service, clients=[make_client().slug])
    at = T0 + minutes(5)
    do(incident, "seats", alex, at, role="ops")
    do(
        incident,
        "entries",
        alex,
        at,
        kind="finding",
        text="<script>alert(1)</script>",
        source="log",
        value="12",
        cause=True,
    )
    do(incident, "entries", alex, at, kind="theory", text="<script>alert(1)</script>")
    do(incident, "impact", alex, at, users=12, fails="<script>alert(1)</script>", revenue=38_400)
    do(incident, "objectives", sarah, at, text="Payments again")
    for _ in range(2):
        propose(incident, alex, at)
    do(incident, "approvals", sarah, at, number=1)
    do(incident, "starts", alex, at, number=1)
    do(incident, "questions-on-changes", sarah, at, number=2, text="why?")
    do(
        incident,
        "updates",
        sarah,
        at,
        audiences=["responders", "public"],
        impact="Payments fail",
        next_at=at + minutes(9),
    )
    do(incident, "impact-ends", sarah, at)
    do(incident, "pages", sarah, at, person=alex.uid, text="wake up")
    return incident


def statements(client: Client, path: str) -> int:
    """How many statements an answer takes."""
    client.get(path)
    with CaptureQueriesContext(connection) as said:
        client.get(path)
    return len(said)
