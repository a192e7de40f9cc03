"""Opening a record: before anything is investigated there is a key, an owner, a stamp and a protocol (INC-02)."""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from incidentdesk.kernel import sql
from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.stamps import stamp
from incidents import projection
from incidents.models import Client, Incident, ProtocolVersion, Service
from incidents.protocol import Draft, Protocol, check, default_text, empty, parse
from incidents.record import Record
from people.models import Team
from people.roles import Role

# SHA-256 of protocols that were shipped before. Where nobody has loaded another, the one shipped now takes their place.
SHIPPED_BEFORE = frozenset({"8761ee13b243a483eea0f8b4e0640cd0a95078959505dddb31e357f7aa00328a"})
UNSORTED = "unsorted"  # the slug of the service that stands for an unknown one
LAST_NUMBER = "SELECT last FROM incidents_counter WHERE series = %s"
# The first number without an incident that no transaction is trying now; the scan stops there and locks no further one.
UNTRIED_NUMBER = """
SELECT n FROM generate_series(%(after)s::int + 1, %(after)s::int + 1000) AS n
WHERE CASE WHEN (SELECT true FROM incidents_incident WHERE key =
            %(series)s::text || '-' || lpad(n::text, greatest(4, length(n::text)), '0')) IS NULL
      THEN pg_try_advisory_xact_lock(hashtext(%(series)s::text), n) ELSE false END LIMIT 1
"""
KEY_TAKEN = "SELECT 1 FROM incidents_incident WHERE key = %s"
# The counter only says where to begin. One process at a time moves it, and nobody waits to do so.
COUNTED = """
INSERT INTO incidents_counter AS c (series, last)
SELECT %(series)s, %(number)s WHERE pg_try_advisory_xact_lock(hashtext(%(series)s::text), 0)
ON CONFLICT (series) DO UPDATE SET last = greatest(c.last, excluded.last)
"""
TEAMS_PAGED = """
SELECT e.incident_id, s.team_id FROM incidents_timelineentry e
JOIN incidents_service s ON s.id = (e.payload->'services'->>0)::bigint
WHERE e.incident_id = ANY(%s::bigint[]) AND e.seq = 1 AND e.kind = 'opened'
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
    """The version that new incidents are opened under; the shipped one is stored where it is to be that and is not yet."""
    latest = ProtocolVersion.objects.order_by("-number").first()
    if latest is None or latest.digest in SHIPPED_BEFORE:
        return store_protocol(default_text(), now=now)
    return latest


def prepare(*, now: datetime) -> None:
    """Store what the first incident of a new or newer desk needs, outside the transaction that opens it: the shipped protocol.

    An opening that stored it would hold up all others until its commit.
    """
    latest = ProtocolVersion.objects.order_by("-number").values_list("digest", flat=True).first()
    if latest is None or latest in SHIPPED_BEFORE:
        store_protocol(default_text(), now=now)


@transaction.atomic
def store_protocol(text: str, *, now: datetime, by: int | None = None) -> ProtocolVersion:
    """Make a protocol the current one. Raises ProtocolError with sentences; loading the current text again adds none.

    An earlier one loaded again gets a number of its own: incidents keep the number they were opened under.
    Of several at one instant, such as the first incidents of a new desk, each waits for the one before it to commit.
    """
    check(text)
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


def teams_paged(incidents: Iterable[int]) -> dict[int, int]:
    """The team whose list each of these pages: that of the service it was opened for, whatever it touches since."""
    return dict(sql.run(TEAMS_PAGED, [list(incidents)]))


def next_key(kind: str, now: datetime) -> str:
    """`INC-2026-0042`, for drills `DRILL-0018`: the first free number of its series, never one that an incident has.

    Waits for no other transaction: a process that stands still while it opens an incident keeps its own number and
    nobody else's. The caller stores an incident under the key in the same transaction.
    """
    series = "DRILL" if kind == "drill" else f"INC-{now:%Y}"
    number = _free_number(series)
    with connection.cursor() as cursor:
        cursor.execute(COUNTED, {"series": series, "number": number})
    return _key(series, number)


def _free_number(series: str) -> int:
    """A number without an incident, locked for this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_NUMBER, [series])
        row = cursor.fetchone()
        number: int = row[0] if row else 0
        while True:
            cursor.execute(UNTRIED_NUMBER, {"series": series, "after": number})
            number = cursor.fetchone()[0]
            # Asked again under the number's lock: who tried it before may have committed meanwhile.
            cursor.execute(KEY_TAKEN, [_key(series, number)])
            if cursor.fetchone() is None:
                return number


def _key(series: str, number: int) -> str:
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
