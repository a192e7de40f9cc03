"""The smallest valid rows that the outbox and updates need."""

from datetime import UTC, datetime, timedelta
from typing import Any

from comms import outbox
from comms.models import Channel, Message
from comms.outbox import NewMessage
from incidents.models import Client, Incident, ProtocolVersion, Seat, Service
from people.models import EscalationStep, Team, User

T0 = datetime(2026, 3, 29, 0, 47, tzinfo=UTC)
LEASE = timedelta(seconds=30)


def make_incident(key: str = "INC-2026-0001", **fields: Any) -> Incident:
    protocol, _ = ProtocolVersion.objects.get_or_create(
        number=9_001, defaults={"text": "", "digest": "comms", "created_at": T0}
    )
    values = {
        "title": "Writes fail",
        "opened_at": T0,
        "alert_fired_at": T0,
        "protocol": protocol,
        "severity": 1,
    }
    return Incident.objects.create(key=key, **{**values, **fields})


def make_user(name: str, *roles: str, **fields: Any) -> User:
    return User.objects.create(
        email=f"{name.lower()}@desk.example", name=name, password="!", roles=list(roles), **fields
    )


def make_client(name: str, *emails: str, **fields: Any) -> Client:
    return Client.objects.create(name=name, slug=name.lower(), contact_emails=list(emails), **fields)


def make_service(name: str, *people: User) -> Service:
    team = Team.objects.create(name=f"{name} team", slug=f"{name.lower()}-team")
    for position, user in enumerate(people, start=1):
        EscalationStep.objects.create(team=team, position=position, user=user)
    return Service.objects.create(name=name, slug=name.lower(), team=team)


def seat(incident: Incident, role: str, user: User, *, ended_at: datetime | None = None) -> Seat:
    return Seat.objects.create(incident=incident, role=role, user=user, started_at=T0, ended_at=ended_at)


def mail(key: str, dest: str = "ada@desk.example", **fields: Any) -> NewMessage:
    payload = fields.pop("payload", {"subject": key, "body": key})
    return NewMessage(key=key, channel=Channel.EMAIL, dest=dest, payload=payload, **fields)


def hook(key: str, url: str, **fields: Any) -> NewMessage:
    return NewMessage(
        key=key, channel=Channel.WEBHOOK, dest=url, payload={"type": "test", "data": {"key": key}}, **fields
    )


def put(*rows: NewMessage, now: datetime = T0) -> list[Message]:
    outbox.put(rows, now=now)
    return [Message.objects.get(dedupe_key=row.key) for row in rows]


def claim(now: datetime = T0, *, limit: int = 100, busy: tuple[str, ...] = ()) -> list[Message]:
    return outbox.claim(limit=limit, now=now, lease=LEASE, busy=busy)


def state(key: str) -> str:
    return Message.objects.values_list("state", flat=True).get(dedupe_key=key)
