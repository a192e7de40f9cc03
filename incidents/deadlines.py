"""Clocks that run, as rows that the tick can claim."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from incidentdesk.kernel import sql
from incidentdesk.kernel.stamps import Stamp
from incidents.protocol.clocks import Key

ARM = """
INSERT INTO incidents_deadline (incident_id, clock, subject, occurrence, step, due_at, state, driven, last_error)
SELECT i, c, s, n, p, d::timestamptz, 'armed', v, '' FROM unnest(
  %b::bigint[], %b::text[], %b::text[], %b::int[], %b::text[], %b::text[], %b::bool[]) AS x(i, c, s, n, p, d, v)
ON CONFLICT (incident_id, clock, subject, occurrence, step) DO UPDATE
  SET due_at = excluded.due_at, state = 'armed' WHERE incidents_deadline.state <> 'fired'
"""
# A condition on the state would mislead the planner: armed rows are so few that it would try each of them on each line.
SETTLE = """
UPDATE incidents_deadline AS d SET state = CASE WHEN d.state = 'armed' THEN x.v ELSE d.state END,
  fired_at = CASE WHEN d.state = 'armed' THEN x.f ELSE d.fired_at END FROM unnest(
  %b::bigint[], %b::text[], %b::text[], %b::int[], %b::text[], %b::text[], %b::timestamptz[]) AS x(i, c, s, n, p, v, f)
WHERE d.incident_id = x.i AND d.clock = x.c AND d.subject = x.s AND d.occurrence = x.n AND d.step = x.p
"""
CLAIM = """
WITH due AS (
  SELECT d.id FROM incidents_deadline d JOIN incidents_incident i ON i.id = d.incident_id
  WHERE d.state = 'armed' AND NOT d.driven AND d.due_at <= %s
  ORDER BY d.due_at LIMIT %s FOR NO KEY UPDATE OF d, i SKIP LOCKED)
SELECT d.id, d.incident_id, d.clock, d.subject, d.occurrence, d.step, d.due_at
FROM incidents_deadline d JOIN due USING (id) ORDER BY d.due_at, d.id
"""
NEXT = "SELECT min(due_at) FROM incidents_deadline WHERE state = 'armed' AND NOT driven"


@dataclass(frozen=True)
class Due:
    """A deadline whose instant has come."""

    id: int
    incident: int
    key: Key
    due_at: datetime


@dataclass(frozen=True)
class Shift:
    """How the deadlines of one incident change: what is armed anew, what fired, what fell away."""

    incident: int
    driven: bool
    arm: Mapping[Key, Stamp]
    fired: Sequence[Key]
    gone: Mapping[Key, str]


def apply(shifts: Sequence[Shift], *, now: datetime) -> None:
    """Bring the rows of any number of incidents up to date in two statements at most."""
    settle = [
        (shift.incident, *key, "fired", now) for shift in shifts for key in shift.fired
    ] + [(shift.incident, *key, state, None) for shift in shifts for key, state in shift.gone.items()]  # fmt: skip
    arm = [
        (shift.incident, *key, due, shift.driven) for shift in shifts for key, due in shift.arm.items()
    ]  # fmt: skip
    if settle:
        sql.run(SETTLE, sql.columns(settle))
    if arm:
        sql.run(ARM, sql.columns(arm))


def claim_due(*, now: datetime, limit: int) -> list[Due]:
    """Lock up to `limit` due rows together with their incidents; nothing is waited for.

    Must run inside a transaction. Rows and incidents that somebody else holds are left to the next tick.
    """
    rows = sql.run(CLAIM, [now, limit])
    return [Due(row[0], row[1], (row[2], row[3], row[4], row[5]), row[6].astimezone(UTC)) for row in rows]


def next_due() -> datetime | None:
    """When the next armed deadline falls due."""
    found: datetime | None = sql.run(NEXT)[0][0]
    return found.astimezone(UTC) if found else None
