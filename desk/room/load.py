"""Everything a room is made from, read with a number of statements that does not depend on how long the record is.

What is asked for is said by `Source`; each costs one statement. Names come last, in one statement for everybody who
appears. Entries newer than the incident row that was read are left out, so that a page is one state of the record.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from json import loads
from typing import Any, cast

from desk.heartbeats import TICK
from incidentdesk.kernel import sql
from incidents.models import Incident
from incidents.protocol import Protocol, State, clocks
from incidents.record import protocol_of, state_of
from people.models import User
from people.naming import Former
from runbooks import matching

SHOWN = 50  # entries on the page
CAUGHT_UP = 200  # new entries in one answer of the poll; a page that missed more is told the latest, and how many it lacks


class Source(StrEnum):
    """One statement each."""

    SERVICES = "services"
    CLIENTS = "clients"
    SENDS = "sends"
    ALERTS = "alerts"
    WRITERS = "writers"
    RUNBOOKS = "runbooks"
    CATALOGUE = "catalogue"  # holds services and clients
    COLLEAGUES = "colleagues"


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as it is stored, its texts beside it."""

    seq: int
    rev: int
    kind: str
    author: int | None
    role: str
    happened: datetime
    recorded: datetime
    payload: Mapping[str, Any]
    texts: Mapping[str, str]
    redacted: bool


@dataclass(frozen=True, slots=True)
class Human:
    """Somebody as pages name them."""

    id: int
    uid: str
    name: str
    email: str
    roles: tuple[str, ...]
    note: str
    works: bool  # active, a person, and let into the room
    former: Former = ()

    @property
    def initials(self) -> str:
        """At most two letters."""
        words = self.name.split()
        return "".join(word[0] for word in (words[0], words[-1])[: len(words)]).upper() if words else "?"


@dataclass(frozen=True, slots=True)
class Want:
    """What to read: the last entries of the page (`rows`), and more.

    `all_of` and `last_of` name kinds of which every entry, or the last one, is wanted wherever it stands in the record.
    """

    rows: bool = False
    all_of: frozenset[str] = frozenset()
    last_of: frozenset[str] = frozenset()
    sources: frozenset[Source] = frozenset()


@dataclass(slots=True)
class Bundle:
    """What was read. `now` is the instant the page speaks of: the wall's, or a driver's last one."""

    incident: Incident
    viewer: User
    now: datetime
    wall: datetime
    tick: datetime | None
    protocol: Protocol
    state: State
    rows: list[Row] = field(default_factory=list)
    pinned: list[Row] = field(default_factory=list)
    services: list[dict[str, Any]] = field(default_factory=list)
    clients: list[dict[str, Any]] = field(default_factory=list)
    sends: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    runbooks: list[dict[str, Any]] = field(default_factory=list)
    catalogue: list[dict[str, Any]] = field(default_factory=list)
    writers: set[int] = field(default_factory=set)
    people: dict[int, Human] = field(default_factory=dict)

    def of(self, *kinds: str) -> list[Row]:
        """The pinned entries of these kinds, oldest first."""
        return [row for row in self.pinned if row.kind in kinds]

    def last(self, kind: str) -> Row | None:
        """The last pinned entry of a kind."""
        return next((row for row in reversed(self.pinned) if row.kind == kind), None)


def instant() -> tuple[datetime, datetime | None]:
    """The database's now, and when the last tick was: one statement, so that they can be compared."""
    (found,) = sql.run("SELECT clock_timestamp(), (SELECT at FROM desk_heartbeat WHERE name = %s)", [TICK])
    return cast("tuple[datetime, datetime | None]", found)


def begin(incident: Incident, viewer: User, *, now: datetime, tick: datetime | None) -> Bundle:
    """A bundle of the incident row alone. A driven incident speaks of its driver's last instant."""
    driven = incident.time == Incident.Time.DRIVEN
    at = (incident.driven_now or incident.opened_at) if driven else now
    state = state_of(incident)
    return Bundle(incident, viewer, at, now, tick, protocol_of(incident.protocol_id), state)


def fill(bundle: Bundle, want: Want) -> Bundle:
    """Read what is wanted, each source by one statement, and in the end the names of all who appear."""
    incident = bundle.incident
    if want.rows:
        bundle.rows = _rows(NEWEST, [incident.pk, incident.seq, SHOWN])
    if want.all_of or want.last_of:
        bundle.pinned = _pinned(incident, want)
    for source in sorted(want.sources - _implied(want.sources)):
        READERS[source](bundle)
    bundle.people = _people([bundle.viewer.pk, *named(bundle)], everyone=Source.COLLEAGUES in want.sources)
    return bundle


def _implied(sources: Collection[Source]) -> frozenset[Source]:
    """What needs no statement of its own: colleagues come with the names, services and clients with the catalogue."""
    known = {Source.SERVICES, Source.CLIENTS} if Source.CATALOGUE in sources else set()
    return frozenset({Source.COLLEAGUES, *known})


_COLUMNS = """e.seq, e.rev, e.kind, e.author_id, e.role, e.happened_at, e.recorded_at, e.payload::text, t.body::text,
  e.text_hash <> ''::bytea AND coalesce(t.body, '{}') = '{}'"""
_FROM = """FROM incidents_timelineentry e
  LEFT JOIN incidents_entrytext t ON t.incident_id = e.incident_id AND t.seq = e.seq"""
NEWEST = f"""
SELECT {_COLUMNS} {_FROM} WHERE e.incident_id = %s AND e.seq <= %s ORDER BY e.seq DESC LIMIT %s
"""
NEWER = f"""
SELECT {_COLUMNS} {_FROM} WHERE e.incident_id = %s AND e.rev > %s AND e.rev <= %s ORDER BY e.rev DESC LIMIT %s
"""
OLDER = f"""
SELECT {_COLUMNS} {_FROM} WHERE e.incident_id = %s AND (e.seq = ANY(%s) OR e.kind = 'change.proposed'
  AND (e.payload->>'change')::int = ANY(%s)) ORDER BY e.seq DESC
"""
PINNED = f"""
SELECT {_COLUMNS} {_FROM} WHERE e.incident_id = %s AND e.kind = ANY(%s) AND e.rev <= %s
UNION ALL
SELECT x.* FROM unnest(%s::text[]) AS k(kind) CROSS JOIN LATERAL (
  SELECT {_COLUMNS} {_FROM} WHERE e.incident_id = %s AND e.kind = k.kind AND e.rev <= %s ORDER BY e.seq DESC LIMIT 1) x
ORDER BY 1
"""  # noqa: S608


def newer(bundle: Bundle, after: int) -> list[Row]:
    """The entries since a cursor, newest first, at most `CAUGHT_UP`."""
    incident = bundle.incident
    since = after if after <= incident.rev else 0
    return _rows(NEWER, [incident.pk, since, incident.rev, CAUGHT_UP])


def reread(bundle: Bundle, after: int) -> int:
    """How often since a cursor it was raised because alerts read otherwise."""
    return int(sql.run(REREAD, [bundle.incident.pk, after])[0][0])


def skipped(bundle: Bundle, after: int, first: int) -> int:
    """How many entries since a cursor are older than the entry `first`."""
    return int(sql.run(SKIPPED, [bundle.incident.pk, after, first])[0][0])


def _pinned(incident: Incident, want: Want) -> list[Row]:
    last = list(want.last_of - want.all_of)
    return _rows(PINNED, [incident.pk, list(want.all_of), incident.rev, last, incident.pk, incident.rev])


def older(bundle: Bundle, seqs: Collection[int], changes: Collection[int]) -> list[Row]:
    """Single older rows, newest first: by seq, or the proposals of these changes."""
    return _rows(OLDER, [bundle.incident.pk, list(seqs), list(changes)])


def _rows(statement: str, parameters: Sequence[Any]) -> list[Row]:
    return [_row(*found) for found in sql.run(statement, parameters)]


def _row(
    seq: int, rev: int, kind: str, author: int | None, role: str, happened: datetime, recorded: datetime,
    payload: str, texts: str | None, redacted: bool,
) -> Row:  # fmt: skip
    return Row(
        seq,
        rev,
        kind,
        author,
        role,
        happened,
        recorded,
        loads(payload),
        loads(texts) if texts else {},
        redacted,
    )


SERVICES = """
SELECT s.id, s.name, s.slug, s.dashboards FROM incidents_service s
JOIN incidents_incident_services x ON x.service_id = s.id WHERE x.incident_id = %s ORDER BY s.name
"""
CLIENTS = """
SELECT c.id, c.name, c.slug FROM incidents_client c
JOIN incidents_incident_clients x ON x.client_id = c.id WHERE x.incident_id = %s ORDER BY c.name
"""
SENDS = """
SELECT *, count(*) OVER () AS whole FROM (
SELECT u.number, u.sent_at, u.author_id, t.audience, t.subject, t.body, m.*
FROM comms_update u JOIN comms_updatetext t ON t.update_id = u.id
CROSS JOIN LATERAL (
  SELECT count(*) AS all, count(*) FILTER (WHERE m.state = 'sent') AS sent,
    count(*) FILTER (WHERE m.state = 'dead') AS dead, count(*) FILTER (WHERE m.state = 'kept') AS kept,
    count(*) FILTER (WHERE m.state = 'simulated') AS simulated,
    count(*) FILTER (WHERE m.state IN ('pending', 'leased')) AS pending,
    count(*) FILTER (WHERE m.state IN ('pending', 'leased') AND m.last_error <> '') AS failing,
    max(m.attempt) AS attempt, max(m.last_error) AS error, min(m.id) FILTER (WHERE m.state = 'dead') AS message
  FROM comms_message m WHERE m.text_id = t.id) m
WHERE u.incident_id = %s
UNION ALL
SELECT 0, m.created_at, NULL, '', coalesce(m.payload->>'subject', ''), '', 1, 0, 1, 0, 0, 0, 0, m.attempt, m.last_error, m.id
FROM comms_message m WHERE m.incident_id = %s AND m.state = 'dead' AND m.text_id IS NULL
) x ORDER BY sent_at DESC LIMIT 24
"""
ALERTS = """
SELECT a.id, a.name, coalesce(s.name, a.service_slug) AS service, a.state, a.critical, a.starts_at,
  coalesce(a.ends_at, a.resolved_at) AS ends_at, a.count, a.summary, a.value, a.generator_url, a.runbook_url,
  (a.payload->'labels')::text AS labels, count(*) OVER () AS whole, (
    SELECT sum(g.left_out) FROM (SELECT DISTINCT ON (o.source, o.group_key) o.left_out FROM oncall_alert o
      WHERE o.incident_id = %s ORDER BY o.source, o.group_key, o.heard_at DESC NULLS LAST) g) AS left_out
FROM oncall_alert a LEFT JOIN incidents_service s ON s.id = a.service_id
WHERE a.incident_id = %s ORDER BY a.state <> 'firing', NOT a.critical, a.starts_at DESC, a.id DESC LIMIT 40
"""
SKIPPED = "SELECT count(*) FROM incidents_timelineentry WHERE incident_id = %s AND rev > %s AND seq < %s"
REREAD = "SELECT count(DISTINCT rev) FROM oncall_alert WHERE incident_id = %s AND rev > %s"
WRITERS = """
SELECT DISTINCT author_id FROM (SELECT author_id FROM incidents_timelineentry
  WHERE incident_id = %s AND seq <= %s ORDER BY seq DESC LIMIT %s) x WHERE author_id IS NOT NULL
"""
CATALOGUE = """
SELECT 'service' AS what, s.id, s.name, s.slug, s.dashboards, x.id IS NOT NULL AS hit, s.former_names::text AS former,
  s.retired_at IS NOT NULL AS retired FROM incidents_service s
LEFT JOIN incidents_incident_services x ON x.service_id = s.id AND x.incident_id = %s
UNION ALL
SELECT 'client', c.id, c.name, c.slug, NULL, y.id IS NOT NULL, c.former_names::text, c.retired_at IS NOT NULL FROM incidents_client c
LEFT JOIN incidents_incident_clients y ON y.client_id = c.id AND y.incident_id = %s ORDER BY 1, 3
"""


def _services(bundle: Bundle) -> None:
    bundle.services = _parsed(sql.dicts(SERVICES, [bundle.incident.pk]))


def _parsed(services: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for service in services:
        boards = service["dashboards"]
        service["dashboards"] = loads(boards) if isinstance(boards, str) else boards
    return services


def _clients(bundle: Bundle) -> None:
    bundle.clients = sql.dicts(CLIENTS, [bundle.incident.pk])


def _sends(bundle: Bundle) -> None:
    bundle.sends = sql.dicts(SENDS, [bundle.incident.pk, bundle.incident.pk])


def _alerts(bundle: Bundle) -> None:
    bundle.alerts = sql.dicts(ALERTS, [bundle.incident.pk, bundle.incident.pk])


def _writers(bundle: Bundle) -> None:
    bundle.writers = {row[0] for row in sql.run(WRITERS, [bundle.incident.pk, bundle.incident.seq, SHOWN])}


def _catalogue(bundle: Bundle) -> None:
    """Every service and client, and with them those that are hit."""
    bundle.catalogue = sql.dicts(CATALOGUE, [bundle.incident.pk, bundle.incident.pk])
    hit = [each for each in bundle.catalogue if each["hit"]]
    bundle.services = _parsed([each for each in hit if each["what"] == "service"])
    bundle.clients = [each for each in hit if each["what"] == "client"]


def _runbooks(bundle: Bundle) -> None:
    found = matching.applying(bundle.incident.pk)
    bundle.runbooks = [
        {"title": each.title, "url": each.url, "service": each.names, "whole": each.whole} for each in found
    ]


READERS = {
    Source.SERVICES: _services, Source.CLIENTS: _clients, Source.SENDS: _sends, Source.ALERTS: _alerts,
    Source.WRITERS: _writers, Source.CATALOGUE: _catalogue, Source.RUNBOOKS: _runbooks,
}  # fmt: skip

PEOPLE = """
SELECT u.id, u.uid::text, u.name, u.email, u.roles, coalesce(t.name, ''), u.is_active AND NOT u.is_machine AND u.sees_room,
  u.former_names
FROM people_user u LEFT JOIN people_team t ON t.id = u.team_id
WHERE u.id = ANY(%s) OR (%s AND u.is_active AND NOT u.is_machine AND u.sees_room) ORDER BY u.name
"""


def _people(ids: Iterable[int], *, everyone: bool) -> dict[int, Human]:
    return {
        row[0]: Human(row[0], row[1], row[2], row[3], tuple(row[4]), row[5], bool(row[6]), row[7])
        for row in sql.run(PEOPLE, [sorted(set(ids)), everyone])
    }


def named(bundle: Bundle) -> Iterator[int]:
    """Everybody whom the record names in what was read."""
    yield from in_state(bundle.protocol, bundle.state)
    yield from bundle.writers
    yield from (send["author_id"] for send in bundle.sends if send["author_id"])
    for row in (*bundle.rows, *bundle.pinned):
        yield from in_row(row)


def in_state(protocol: Protocol, state: State) -> Iterator[int]:
    """The people that the state of an incident names."""
    yield from (held["user"] for held in state["seats"].values())
    yield from (page["user"] for page in state["pages"].values())
    yield from (int(user) for user in state["joined"])
    yield from state["acks"]
    yield from state["managers"]
    yield from state["ladder"]  # who is on call may reopen it, so what they are offered differs
    yield from (user for user in (state["owner"],) if user)
    for offer in state["offers"].values():
        yield from (user for user in (offer["to"], offer["by"]) if user)
    for change in state["changes"].values():
        yield from (user for user in (change["requester"], change["implementer"], change["approver"]) if user)
    for key in state["clocks"]:
        clock, subject = clocks.split(key)
        if subject and protocol.clock[clock].subject == "user":
            yield int(subject)


def in_row(row: Row) -> Iterator[int]:
    """The people that one entry names: its author, and whom its payload speaks of."""
    if row.author is not None:
        yield row.author
    payload = row.payload
    yield from (
        payload[name] for name in ("user", "was", "implementer", "by") if isinstance(payload.get(name), int)
    )
    if row.kind == "question" and payload.get("to"):
        yield payload["to"]
    if row.kind == "clock.step":
        yield from payload.get("to") or ()
    yield from payload.get("users") or () if row.kind == "lead.told" else ()
    if row.kind == "page.sent":
        yield from (user for _, user in payload["pages"])
