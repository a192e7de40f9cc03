"""Opening a record: before anything is investigated there is a key, an owner, a stamp and a protocol (INC-02)."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.stamps import stamp
from incidents import projection
from incidents.models import Client, Incident, ProtocolVersion, Service
from incidents.protocol import Draft, Protocol, default_text, empty, parse
from incidents.record import Record
from people.models import Team
from people.roles import Role

UNSORTED = "unsorted"  # the slug of the service that stands for an unknown one
NEXT_NUMBER = """
INSERT INTO incidents_counter (series, last) VALUES (%s, 1)
ON CONFLICT (series) DO UPDATE SET last = incidents_counter.last + 1 RETURNING last
"""


@dataclass(frozen=True)
class Opening:
    """What is known when a record opens. `presumed` is the severity in force until somebody declares."""

    title: str
    services: Sequence[Service]
    alert_fired_at: datetime
    source: str
    presumed: int
    clients: Sequence[Client] = ()
    symptom: str = ""
    owner: int | None = None
    time: str = "wall"
    kind: str = "live"
    follows: int | None = None
    options: dict[str, Any] | None = None
    minute: float | None = None


def current_protocol(now: datetime) -> ProtocolVersion:
    """The version that new incidents are opened under; the shipped one is stored when there is none yet."""
    latest = ProtocolVersion.objects.order_by("-number").first()
    return latest or store_protocol(default_text(), now=now)


@transaction.atomic
def store_protocol(text: str, *, now: datetime, by: int | None = None) -> ProtocolVersion:
    """Make a protocol the current one. Raises ProtocolError with sentences; loading the current text again adds none.

    An earlier one loaded again gets a number of its own: incidents keep the number they were opened under.
    Of several at one instant, such as the first incidents of a new desk, each waits for the one before it to commit.
    """
    parse(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('incidents_protocolversion'))")
    latest = ProtocolVersion.objects.order_by("-number").first()
    if latest and latest.digest == digest:
        return latest
    return ProtocolVersion.objects.create(
        number=(latest.number if latest else 0) + 1,
        text=text,
        digest=digest,
        created_at=now,
        created_by_id=by,
    )


def open_record(opening: Opening, *, by: int | None, role: str = "", now: datetime) -> Record:
    """Create an incident with its first entry, locked by the caller's transaction; the caller saves the record."""
    version = current_protocol(now)
    protocol = parse(version.text)
    incident = Incident.objects.create(
        uid=uuid.uuid4(), key=next_key(opening.kind, now), kind=opening.kind, time=opening.time, title=opening.title,
        protocol=version, opened_at=now, alert_fired_at=opening.alert_fired_at, presumed=opening.presumed,
        owner_id=opening.owner, follows_id=opening.follows, state={},
    )  # fmt: skip
    incident.services.set(opening.services)
    incident.clients.set(opening.clients)
    projection.index_words(incident.pk, opening.symptom)
    record = Record(
        id=incident.pk, uid=str(incident.uid), key=incident.key, title=incident.title, time=opening.time,
        kind=opening.kind, protocol_id=version.pk, state=empty(), seq=0, rev=0, head=b"", now=now,
    )  # fmt: skip
    record.role = role
    texts = {"title": opening.title, "symptom": opening.symptom}
    record.add(Draft("opened", _payload(opening, protocol), by, None, texts))
    return record


def next_key(kind: str, now: datetime) -> str:
    """`INC-2026-0042`, for drills `DRILL-0018`; numbers are given in order and never twice."""
    series = "DRILL" if kind == "drill" else f"INC-{now:%Y}"
    with connection.cursor() as cursor:
        cursor.execute(NEXT_NUMBER, [series])
        number = cursor.fetchone()[0]
    return f"{series}-{number:04}"


def _payload(opening: Opening, protocol: Protocol) -> dict[str, Any]:
    """All that the pure core needs and cannot look up."""
    team = opening.services[0].team
    options = {**protocol.settings, **(opening.options or {})}
    ladder = list(team.steps.order_by("position").values_list("user_id", flat=True))
    return {
        "alert": stamp(opening.alert_fired_at),
        "source": opening.source,
        "minute": opening.minute or (60.0 if opening.time == "driven" else settings.MINUTE_SECONDS),
        "zone": team.zone,
        "business": {
            "from": options["business_from"],
            "to": options["business_to"],
            "holidays": [day.isoformat() for day in team.holidays],
        },
        "options": options,
        "ladder": ladder,
        "managers": _managers(team, ladder),
        "presumed": opening.presumed,
        "owner": opening.owner,
        "services": [service.pk for service in opening.services],
        "clients": [client.pk for client in opening.clients],
    }


def _managers(team: Team, ladder: Sequence[int]) -> list[int]:
    """The team's manager, then the managers of its escalation list in their order."""
    steps = team.steps.select_related("user").order_by("position")
    found = [] if team.manager_id is None else [team.manager_id]
    found += [step.user_id for step in steps if Role.MANAGER in step.user.roles]
    return list(dict.fromkeys(found))


def unsorted() -> Service:
    """The service that stands for an unknown one; made on demand under the first team."""
    found = Service.objects.select_related("team").filter(slug=UNSORTED).first()
    if found is not None:
        return found
    team = Team.objects.order_by("pk").first()
    if team is None:
        raise Invalid("There is no team yet, so nobody could be paged. An administrator makes one first.")
    return Service.objects.get_or_create(slug=UNSORTED, defaults={"name": "Unsorted", "team": team})[0]
