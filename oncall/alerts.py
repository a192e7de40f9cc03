"""Alerts as rows: storing what a source sends, once however often it is sent, and claiming what the record must hear of.

Identity is (source, fingerprint, start). A repeat counts; a resolve is final, also one that comes before its firing
(F19). What is new is `pending` until the tick has admitted it; `desk.admission` does that.

Whoever writes several rows locks them in one order, that of their source, fingerprint and start, so that nobody who stores
or admits ever waits in a circle.
"""

import json
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from comms import doorbell
from incidentdesk.kernel import sql
from oncall.hooks.alertmanager import Incoming
from people import tokens
from people.roles import Scope

RING_EVERY: Final = 0.25
# Each may open an incident; a transaction that opens more would keep what it opens from everybody for too long.
GROUPS_AT_ONCE: Final = 100
_rang_at = -RING_EVERY


@dataclass(frozen=True, slots=True)
class Stored:
    """What a notification came to. `known` is false for a token that opens nothing; then nothing was stored."""

    known: bool
    source: str = ""
    alerts: int = 0
    new: int = 0
    pending: int = 0


def store(token: str, incoming: Sequence[Incoming]) -> Stored:
    """Check the token and store the batch in one prepared statement, committed when this returns (outside a transaction).

    Any number of copies at once give one row each. The database's own clock stamps the rows. Never asks the broker
    but for one knock, and only when something new waits.
    """
    rows = _merged(incoming)
    found = sql.run(_STORE, _parameters(token, rows))
    user, stored, new, pending = found[0] if found else (None, 0, 0, 0)
    if user is None:
        return Stored(known=False)
    if pending:
        transaction.on_commit(ring, robust=True)
    return Stored(True, source_of(user), stored, new, pending)


def source_of(user: int) -> str:
    """The name of a source: the person or machine whose token it uses."""
    return f"alertmanager.{user}"


def ring() -> None:
    """Ask a worker to tick, at most four times a second a process: a storm is one knock, not ten thousand."""
    global _rang_at
    if time.monotonic() - _rang_at >= RING_EVERY:
        _rang_at = time.monotonic()
        doorbell.ring("desk.tasks.tick")


def _merged(incoming: Iterable[Incoming]) -> list[tuple[Incoming, int, bool]]:
    """One row an alert: the row, how often, seen firing first."""
    found: dict[tuple[str, datetime], tuple[Incoming, int, bool]] = {}
    for each in incoming:
        key = (each.fingerprint, each.starts_at)
        if key not in found:
            found[key] = (each, 1, each.firing)
            continue
        kept, count, fired = found[key]
        found[key] = (kept if each.firing else each, count + 1, fired)
    return list(found.values())


def _parameters(token: str, rows: Sequence[tuple[Incoming, int, bool]]) -> list[Any]:
    """The batch travels as one JSON text, which costs less than an array a column."""
    told = [
        {
            "fingerprint": each.fingerprint,
            "starts_at": each.starts_at.isoformat(),
            "ends_at": each.ends_at.isoformat() if each.ends_at else None,
            "state": "firing" if each.firing else "resolved",
            "critical": each.critical,
            "severity_label": each.severity_label,
            "presumed": each.presumed,
            "name": each.name,
            "summary": each.summary,
            "value": each.value,
            "service_slug": each.service,
            "group_key": each.group_key,
            "generator_url": each.generator_url,
            "runbook_url": each.runbook_url,
            "payload": each.payload,
            "sender": each.sender,
            "left_out": each.left_out,
            "count": count,
            "fired": fired,
        }
        for each, count, fired in rows
    ]
    return [*tokens.live(token, Scope.ALERTS_WRITE), json.dumps(told)]


# A token that is unknown, revoked, expired or of another scope yields no row of `token`, by one and the same path (F30).
_STORE: Final = f"""
WITH token AS ({tokens.LIVE}), used AS (
  UPDATE people_apitoken t SET last_used_at = statement_timestamp() FROM (
    SELECT u.id FROM people_apitoken u JOIN token ON token.id = u.id
    WHERE token.last_used_at IS NULL OR token.last_used_at < statement_timestamp() - interval '1 minute'
    FOR NO KEY UPDATE OF u SKIP LOCKED) free  -- an alert never waits for whoever is changing its token
  WHERE t.id = free.id
), stored AS (
  INSERT INTO oncall_alert AS a (
    source, fingerprint, starts_at, ends_at, state, critical, severity_label, presumed, name, summary, value,
    service_slug, group_key, generator_url, runbook_url, payload, sender, left_out, received_at, heard_at, count, fired,
    again, pending)
  SELECT 'alertmanager.' || token.user_id, x.fingerprint, x.starts_at, x.ends_at, x.state, x.critical,
    x.severity_label, x.presumed, x.name, x.summary, x.value, x.service_slug, x.group_key, x.generator_url,
    x.runbook_url, x.payload::jsonb, x.sender, x.left_out, clock_timestamp(), clock_timestamp(), x.count, x.fired,
    false, true
  FROM token, json_to_recordset(%s::json) AS x(
    fingerprint text, starts_at timestamptz, ends_at timestamptz, state text, critical bool, severity_label text,
    presumed smallint, name text, summary text, value text, service_slug text, group_key text, generator_url text,
    runbook_url text, payload json, sender text, left_out int, count int, fired bool)
  ORDER BY x.fingerprint COLLATE "C", x.starts_at
  ON CONFLICT (source, fingerprint, starts_at, past) DO UPDATE SET
    count = a.count + excluded.count,
    heard_at = excluded.heard_at,
    state = CASE WHEN excluded.state = 'resolved' THEN 'resolved' ELSE a.state END,
    ends_at = greatest(a.ends_at, excluded.ends_at),
    pending = a.pending OR (a.state = 'firing' AND excluded.state = 'resolved')
  RETURNING (xmax = 0) AS new, pending
)
SELECT token.user_id, (SELECT count(*) FROM stored), (SELECT count(*) FROM stored WHERE new),
  (SELECT count(*) FROM stored WHERE pending)
FROM token
"""  # noqa: S608  (texts of our own)


@dataclass(slots=True)
class Waiting:
    """An alert that the record has to hear of, as it stood when it was read.

    Where its source's clock runs ahead, `starts_at` is when it came and `ahead` is true; the row keeps what was sent.
    """

    id: int
    source: str
    fingerprint: str
    starts_at: datetime
    ends_at: datetime | None
    state: str
    critical: bool
    presumed: int | None
    name: str
    summary: str
    value: str
    service_slug: str
    group_key: str
    fired: bool
    received_at: datetime
    ahead: bool
    incident: int | None
    service: int | None = None
    again: bool = False

    @property
    def group(self) -> tuple[str, str]:
        """What one incident is opened for."""
        return self.source, self.group_key


def any_pending(*, now: datetime) -> bool:
    """Whether anything waits to be admitted."""
    return bool(sql.run(_ANY, [now])[0][0])


def claim_pending(
    *,
    now: datetime,
    limit: int,
    group: tuple[str, str] | None = None,
    without: Collection[tuple[str, str]] = (),
) -> list[Waiting]:
    """Up to `limit` pending alerts of groups that nobody else is admitting, the first of each group ahead of the rest.

    Must run inside a transaction, which holds the groups, at most GROUPS_AT_ONCE, until it ends. No row is locked before
    `settle`, so the hook never waits for what is decided between; a row that changed meanwhile stays pending. With
    `group` of that one alone; of the groups in `without` none.
    """
    source, key = group or (None, None)
    left = [[source for source, _ in without], [key for _, key in without]]
    ids = {row[0]: (row[1], row[2]) for row in sql.run(_PENDING, [now, source, source, key, *left, limit])}
    if not ids:
        return []
    groups = list(dict.fromkeys(ids.values()))[:GROUPS_AT_ONCE]
    held = {(row[0], row[1]) for row in sql.run(_LOCK, sql.columns(sorted(groups))) if row[2]}
    # Read again under the locks: whoever held a group before may have admitted its rows.
    return [Waiting(*row) for row in sql.run(_READ, [[pk for pk, group in ids.items() if group in held]])]


def settle(
    alerts: Sequence[Waiting],
    *,
    superseded: Sequence[int] = (),
    groups: Sequence[tuple[str, str]] = (),
    services: Sequence[int] = (),
) -> None:
    """Store what admitting came to, as the last thing before the commit: only that long may the hook have to wait.

    An alert that changed since it was read stays pending for the next tick. What the source has started anew without
    resolving it has ended. Warnings of the groups and services given are looked at again, now that an incident stands.
    """
    if not alerts:
        return
    woken = []
    if groups or services:
        sources, keys = [source for source, _ in groups], [key for _, key in groups]
        woken = [row[0] for row in sql.run(_WAKEABLE, [sources, keys, list(services)])]
    ids = [each.id for each in alerts]
    sql.run(_HOLD, [[*ids, *superseded, *woken]])
    if superseded:
        sql.run(_ENDED, [list(superseded)])
    columns = [
        ids,
        [each.state for each in alerts],
        [each.incident for each in alerts],
        [each.service for each in alerts],
        [each.again for each in alerts],
    ]
    sql.run(_ADMITTED, columns)
    if woken:
        sql.run(_WAKE, [woken])


def put_off(alerts: Sequence[Waiting], *, until: datetime) -> None:
    """Try these again later: something about them failed, and the others must not wait for it. In a transaction."""
    ids = [each.id for each in alerts]
    if ids:
        sql.run(_HOLD, [ids])
        sql.run(
            "UPDATE oncall_alert SET retry_at = %s WHERE id = ANY(%s::bigint[]) AND pending", [until, ids]
        )


def end(alert: int, *, incident: int) -> str:
    """End one alert of an incident by hand; its name. A resolve that comes later is only counted."""
    found = sql.run(_END_ONE, [alert, incident])
    return str(found[0][0]) if found else "The alert"


@dataclass(frozen=True, slots=True)
class Kin:
    """Another firing of the same alert, or the group's incident: where it is and how it stands. Times as in Waiting."""

    id: int
    source: str
    fingerprint: str
    group_key: str
    starts_at: datetime
    state: str
    fired: bool
    received_at: datetime
    ahead: bool
    incident: int | None
    status: str


def in_order(firings: Iterable[Kin]) -> list[Kin]:
    """All firings known of one alert, the earliest first; one order, however they are handed in.

    By their starts; but one that its source's clock dates ahead is later than all that was received before it, and earlier
    than all that was received after it. A start in the future would otherwise make every outage until then look like old
    news, and nobody would be woken. So starts are compared only between firings with no such one received between them.
    """
    placed: list[tuple[tuple[int, bool, datetime, datetime, int], Kin]] = []
    stretch = 0
    for each in sorted(firings, key=lambda one: (one.received_at, one.id)):
        stretch += each.ahead
        placed.append(((stretch, not each.ahead, each.starts_at, each.received_at, each.id), each))
    return [each for _, each in sorted(placed, key=lambda one: one[0])]


def kin(alerts: Sequence[Waiting]) -> list[Kin]:
    """All other rows of the same fingerprints, and critical ones of the same groups that have an incident. One query."""
    sources = [each.source for each in alerts]
    groups = [each.group_key for each in alerts]
    return [
        Kin(*row) for row in sql.run(_KIN, [sources, [each.fingerprint for each in alerts], sources, groups])
    ]


# What begins later than this after its receipt was stamped by a clock that is wrong.
_AHEAD: Final = "a.starts_at > a.received_at + interval '2 minutes'"
_BEGAN: Final = f"CASE WHEN {_AHEAD} THEN a.received_at ELSE a.starts_at END"
_ANY: Final = """
SELECT EXISTS (SELECT FROM oncall_alert WHERE pending AND (retry_at IS NULL OR retry_at <= %s::timestamptz))
"""
_PENDING: Final = """
SELECT id, source, group_key FROM (
  SELECT id, source, group_key, row_number() OVER (PARTITION BY source, group_key ORDER BY critical DESC, id) AS place
  FROM oncall_alert WHERE pending AND (retry_at IS NULL OR retry_at <= %s::timestamptz)
    AND (%s::text IS NULL OR (source = %s::text AND group_key = %s::text))
    AND (source, group_key) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[]))) ranked
ORDER BY place, id LIMIT %s::int
"""
_LOCK: Final = """
SELECT s, g, pg_try_advisory_xact_lock(hashtextextended(s || chr(10) || g, 7)) FROM unnest(%s::text[], %s::text[]) AS x(s, g)
"""
_READ: Final = f"""
SELECT a.id, source, fingerprint, {_BEGAN}, ends_at, state, critical, presumed, name, summary, value, service_slug,
  group_key, fired, received_at, {_AHEAD}, incident_id, service_id
FROM oncall_alert a WHERE id = ANY(%s::bigint[]) AND pending ORDER BY starts_at, id
"""  # noqa: S608  (texts of our own)
# In the order in which `_STORE` writes.
_HOLD: Final = """
SELECT id FROM oncall_alert WHERE id = ANY(%s::bigint[])
ORDER BY source COLLATE "C", fingerprint COLLATE "C", starts_at FOR NO KEY UPDATE
"""
_ADMITTED: Final = """
UPDATE oncall_alert a SET pending = a.state <> x.state, incident_id = coalesce(a.incident_id, x.incident),
  service_id = coalesce(x.service, a.service_id), again = a.again OR x.again, retry_at = NULL
FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bool[]) AS x(id, state, incident, service, again)
WHERE a.id = x.id
"""
_ENDED: Final = "UPDATE oncall_alert SET state = 'ended' WHERE id = ANY(%s::bigint[]) AND state = 'firing'"
_END_ONE: Final = """
UPDATE oncall_alert SET state = CASE WHEN state = 'firing' THEN 'ended' ELSE state END
WHERE id = %s::bigint AND incident_id = %s::bigint RETURNING name
"""
_KIN: Final = f"""
SELECT a.id, a.source, a.fingerprint, a.group_key, {_BEGAN}, a.state, a.fired, a.received_at, {_AHEAD},
  a.incident_id, coalesce(i.status, '')
FROM oncall_alert a LEFT JOIN incidents_incident i ON i.id = a.incident_id
WHERE (a.source, a.fingerprint) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
UNION
SELECT a.id, a.source, a.fingerprint, a.group_key, {_BEGAN}, a.state, a.fired, a.received_at, {_AHEAD},
  a.incident_id, i.status
FROM oncall_alert a JOIN incidents_incident i ON i.id = a.incident_id
WHERE a.critical AND (a.source, a.group_key) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
  AND i.status NOT IN ('resolved', 'closed')
"""  # noqa: S608  (as above)
_WAKEABLE: Final = """
SELECT id FROM oncall_alert
WHERE incident_id IS NULL AND state = 'firing' AND fired AND NOT critical AND NOT pending
  AND ((source, group_key) IN (SELECT * FROM unnest(%s::text[], %s::text[])) OR service_id = ANY(%s::bigint[]))
"""
_WAKE: Final = """
UPDATE oncall_alert SET pending = true WHERE id = ANY(%s::bigint[]) AND incident_id IS NULL AND state = 'firing'
"""
