"""Alerts as rows: storing what a source sends, once however often it is sent, and claiming what the record must hear of.

Identity is (source, fingerprint, start), whatever decision 54 says of senders. A repeat counts and refreshes what the row
says. Firing after a resolve is stored as such, also where the resolve came first (F19): whether it holds is weighed when
it is admitted. What is new is `pending` until the tick has admitted it; `desk.admission` does that.

Whoever writes several rows locks them in one order, that of their source, fingerprint and start, so that nobody who stores
or admits ever waits in a circle.
"""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from comms import doorbell
from incidentdesk.kernel import sql
from oncall import labels, storing
from oncall.hooks.alertmanager import Incoming
from oncall.identity import Kin, Waiting
from oncall.senders import source_of
from oncall.storing import NEWS

RING_EVERY: Final = 0.25
# Each may open an incident; a transaction that opens more would keep what it opens from everybody for too long.
GROUPS_AT_ONCE: Final = 100
_rang_at = -RING_EVERY


@dataclass(frozen=True, slots=True)
class Stored:
    """What a notification came to. `known` is false for a token that opens nothing; then nothing was stored.

    `noted` is how the token begins where its use was noted now, at most once a minute; `user` is whose it is.
    """

    known: bool
    source: str = ""
    alerts: int = 0
    new: int = 0
    pending: int = 0
    user: int = 0
    noted: str = ""


def store(token: str, incoming: Sequence[Incoming]) -> Stored:
    """Check the token and store the batch in one prepared statement, committed when this returns (outside a transaction).

    Any number of copies at once give one row each. The database's own clock stamps the rows. Never asks the broker
    but for one knock, and only when something new waits.
    """
    found = storing.run(token, incoming)
    if found is None:
        return Stored(known=False)
    user, stored, new, pending, noted = found
    if pending:
        transaction.on_commit(ring, robust=True)
    return Stored(True, source_of(user), stored, new, pending, user, noted or "")


def ring() -> None:
    """Ask a worker to tick, at most four times a second a process: a storm is one knock, not ten thousand."""
    global _rang_at
    if time.monotonic() - _rang_at >= RING_EVERY:
        _rang_at = time.monotonic()
        doorbell.ring("desk.tasks.tick")


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
    rows = sql.run(_READ, [[pk for pk, group in ids.items() if group in held]])
    return [Waiting(*(*row[:-2], json.loads(row[-2] or "{}"), row[-1])) for row in rows]


def settle(
    alerts: Sequence[Waiting],
    *,
    superseded: Sequence[int] = (),
    groups: Sequence[tuple[str, str]] = (),
    services: Sequence[int] = (),
    same: Mapping[int, int] | None = None,
    refreshed: Sequence[int] = (),
) -> None:
    """Store what admitting came to, as the last thing before the commit: only that long may the hook have to wait.

    An alert that changed since it was read stays pending for the next tick. What the source has started anew without
    resolving it has ended. Warnings of the groups and services given are looked at again, now that an incident stands.
    `same` says which of them are another sender's start of an outage, by that outage's row; `refreshed` which of them only
    read otherwise, on incidents whose cursor was raised for it.
    """
    if not alerts:
        return
    same, woken = same or {}, []
    if groups or services:
        sources, keys = [source for source, _ in groups], [key for _, key in groups]
        woken = [row[0] for row in sql.run(_WAKEABLE, [sources, keys, list(services)])]
    stay = [each for each in alerts if each.left is None and each.id not in same]
    moved = [(each.left, each) for each in alerts if each.left is not None]
    rows = [*(each.id for each in stay), *(left for left, _ in moved), *same, *same.values()]
    sql.run(_HOLD, [[*rows, *superseded, *woken]])
    sql.run(_ADMITTED, [[each.id for each in stay], *_outcome(stay)])
    if moved:
        ids, lefts = [each.id for _, each in moved], [left for left, _ in moved]
        sql.run(_LEFT, [ids, lefts, *_outcome([each for _, each in moved])])
        sql.run(_FOLLOW, [ids, lefts])
    if refreshed:
        sql.run(_REREAD, [list(refreshed)])
    if superseded:
        sql.run(_ENDED, [list(superseded)])
    for row, root in same.items():
        sql.run(_MERGE, [root, row])
        sql.run(_MERGED, [root, row])
    if woken:
        sql.run(_WAKE, [woken])


def _outcome(alerts: Sequence[Waiting]) -> list[list[Any]]:
    return [
        [each.state for each in alerts],
        [each.read for each in alerts],
        [each.back_at for each in alerts],
        [each.incident for each in alerts],
        [each.service for each in alerts],
        [each.again for each in alerts],
    ]


def leave(alert: Waiting) -> None:
    """Let an alert go on in a row of its own, for another incident: its old row stays with the incident that is over."""
    alert.left = alert.id
    alert.id = sql.run(_NEW_ID)[0][0]
    alert.incident = None


def put_off(alerts: Sequence[Waiting], *, until: datetime) -> None:
    """Try these again later: something about them failed, and the others must not wait for it. In a transaction."""
    ids = [each.id for each in alerts]
    if ids:
        sql.run(_HOLD, [ids])
        sql.run(
            "UPDATE oncall_alert SET retry_at = %s WHERE id = ANY(%s::bigint[]) AND pending", [until, ids]
        )


def end(alert: int, *, incident: int) -> dict[str, str]:
    """End one alert of an incident by hand; the texts that say which. A resolve that comes later is only counted."""
    name, told = next(iter(sql.run(_END_ONE, [alert, incident])), ("The alert", None))
    return named(str(name), json.loads(told or "{}"))


def named(name: str, told: labels.Labels) -> dict[str, str]:
    """The texts of an entry that say which alert it is about."""
    written = labels.words(labels.own(told))
    return {"name": name, "labels": written} if written else {"name": name}


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
  group_key, fired, received_at, {_AHEAD}, incident_id, service_id, false, resolved_at, back_at,
  (payload->'labels')::text, severity_label
FROM oncall_alert a WHERE id = ANY(%s::bigint[]) AND pending ORDER BY starts_at, id
"""  # noqa: S608  (texts of our own)
# In the order in which `_STORE` writes.
_HOLD: Final = """
SELECT id FROM oncall_alert WHERE id = ANY(%s::bigint[])
ORDER BY source COLLATE "C", fingerprint COLLATE "C", starts_at, past FOR NO KEY UPDATE
"""
# A row that changed since it was read keeps what it says now and stays pending.
_SAME: Final = "(a.state = x.read AND a.back_at IS NOT DISTINCT FROM x.back)"
_GOES_ON: Final = f"({_SAME} AND x.state = 'firing')"
_ADMITTED: Final = f"""
UPDATE oncall_alert a SET pending = NOT {_SAME}, state = CASE WHEN {_SAME} THEN x.state ELSE a.state END,
  fired = a.fired OR {_GOES_ON}, back_at = CASE WHEN {_SAME} THEN NULL ELSE a.back_at END,
  ends_at = CASE WHEN {_GOES_ON} THEN NULL ELSE a.ends_at END,
  resolved_at = CASE WHEN {_GOES_ON} THEN NULL ELSE a.resolved_at END,
  resolved_by = CASE WHEN {_GOES_ON} THEN '{{}}' ELSE a.resolved_by END,
  incident_id = coalesce(a.incident_id, x.incident), service_id = coalesce(x.service, a.service_id),
  again = a.again OR x.again, retry_at = NULL
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bool[])
  AS x(id, state, read, back, incident, service, again)
WHERE a.id = x.id
"""  # noqa: S608  (texts of our own)
# The row stays behind with the incident that is over, and a new one takes its place. It is locked already.
_LEFT: Final = """
WITH x AS (
  SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[], %s::bigint[],
    %s::bool[]) AS x(id, was, state, read, back, incident, service, again)
), o AS (
  SELECT * FROM oncall_alert WHERE id IN (SELECT was FROM x)
), gone AS (
  UPDATE oncall_alert a SET past = a.id, state = 'resolved', resolved_at = coalesce(a.resolved_at, a.back_at, a.heard_at),
    pending = false, back_at = NULL FROM x WHERE a.id = x.was RETURNING a.id
)
INSERT INTO oncall_alert (
  id, source, fingerprint, starts_at, ends_at, state, critical, severity_label, presumed, name, summary, value,
  service_slug, service_id, group_key, generator_url, runbook_url, payload, sender, resolved_at, resolved_by, left_out,
  received_at, heard_at, count, fired, again, pending, incident_id)
SELECT x.id, o.source, o.fingerprint, o.starts_at, CASE WHEN NOT same THEN o.ends_at END,
  CASE WHEN same THEN x.state ELSE o.state END, o.critical, o.severity_label, o.presumed, o.name, o.summary, o.value,
  o.service_slug, coalesce(x.service, o.service_id), o.group_key, o.generator_url, o.runbook_url, o.payload, o.sender,
  CASE WHEN NOT same THEN o.resolved_at END, CASE WHEN same THEN '{}' ELSE o.resolved_by END, o.left_out,
  coalesce(x.back, o.heard_at), o.heard_at, 1, true, x.again, NOT same, x.incident
FROM x JOIN o ON o.id = x.was JOIN gone ON gone.id = x.was
CROSS JOIN LATERAL (SELECT o.state = x.read AND o.back_at IS NOT DISTINCT FROM x.back AS same) y
"""
_FOLLOW: Final = """
UPDATE oncall_alert a SET same_as_id = x.id FROM unnest(%s::bigint[], %s::bigint[]) AS x(id, was), oncall_alert o
WHERE o.id = x.was AND a.source = o.source AND a.fingerprint = o.fingerprint AND a.same_as_id = x.was
"""
_NEW_ID: Final = "SELECT nextval(pg_get_serial_sequence('oncall_alert', 'id'))"
# What another sender told of an outage that is known is told of that outage.
_MERGE: Final = f"""
UPDATE oncall_alert a SET {NEWS}
FROM oncall_alert excluded WHERE a.id = %s::bigint AND excluded.id = %s::bigint AND excluded.same_as_id IS NULL
"""  # noqa: S608  (texts of our own)
_MERGED: Final = """
UPDATE oncall_alert SET same_as_id = %s::bigint, state = 'ended', pending = false, retry_at = NULL WHERE id = %s::bigint
"""
_REREAD: Final = """
UPDATE oncall_alert a SET rev = i.rev FROM incidents_incident i WHERE i.id = a.incident_id AND a.id = ANY(%s::bigint[])
"""
_ENDED: Final = "UPDATE oncall_alert SET state = 'ended' WHERE id = ANY(%s::bigint[]) AND state = 'firing'"
_END_ONE: Final = """
UPDATE oncall_alert SET state = CASE WHEN state = 'firing' THEN 'ended' ELSE state END
WHERE id = %s::bigint AND incident_id = %s::bigint RETURNING name, (payload->'labels')::text
"""
_KIN: Final = f"""
SELECT a.id, a.source, a.fingerprint, a.group_key, {_BEGAN}, a.state, a.fired, a.received_at, {_AHEAD},
  a.incident_id, coalesce(i.status, ''), a.sender, a.same_as_id, a.incident_id IS NOT NULL OR NOT a.pending, a.past > 0
FROM oncall_alert a LEFT JOIN incidents_incident i ON i.id = a.incident_id
WHERE (a.source, a.fingerprint) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
UNION
SELECT a.id, a.source, a.fingerprint, a.group_key, {_BEGAN}, a.state, a.fired, a.received_at, {_AHEAD},
  a.incident_id, i.status, a.sender, a.same_as_id, true, a.past > 0
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
