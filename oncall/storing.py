"""Storing what a source sends. STORE holds for all of it; an alert that comes alone is mostly new or a mere repeat, and for
each of these there is a statement that makes less ready.

A process remembers what it was last told of an alert, as a guess at what the row says. Only the database decides: what the
guess does not fit is told to STORE.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from incidentdesk.kernel import sql
from oncall.hooks.alertmanager import Incoming
from people import tokens
from people.roles import Scope

RESOLVERS: Final = 8  # senders that are remembered to have resolved one alert; a cluster has three or five
REMEMBERED: Final = 20_000  # alerts a process knows the last word of; all are forgotten where there are more
_NEVER: Final = 1 << 64  # no digest

Outcome = tuple[int, int, int, int, str | None]
_last: dict[tuple[str, str, datetime], int | None] = {}


def run(token: str, incoming: Iterable[Incoming]) -> Outcome | None:
    """Store them: whose token it is, how many rows are stored, how many of them are new, how many pending, and how the
    token begins where its use was noted now. None for a token that opens nothing."""
    live, rows = tokens.live(token, Scope.ALERTS_WRITE), merged(incoming)
    if len(rows) == 1:
        return _alone(live, *rows[0])
    told = [_row(each, count, fired, told=_digest(each)) for each, count, fired in rows]
    found = sql.run(STORE, [*live, json.dumps(told)])
    return found[0][:-1] if found else None


def _alone(live: list[Any], each: Incoming, count: int, fired: bool) -> Outcome | None:
    key, told = (live[0], each.fingerprint, each.starts_at), _digest(each)
    found: list[Any] = []
    last = _last.get(key, _NEVER)  # another thread may have all forgotten
    if last == _NEVER:
        found = sql.run(_NEW, [*live, json.dumps([_row(each, count, fired, told=told)])])
    elif each.firing and last == told:
        found = sql.run(_AGAIN, [*live, each.fingerprint, each.starts_at, told, count])
    if not found:
        found = sql.run(STORE, [*live, json.dumps([_row(each, count, fired, told=told)])])
    if not found:
        return None
    *outcome, starts_at = found[0]
    if len(_last) >= REMEMBERED:
        _last.clear()
    # What has ended, or stands in the row of another sender's start, is no repeat when it comes again.
    _last[key] = told if each.firing and starts_at == each.starts_at else None
    return tuple(outcome)


def _digest(each: Incoming) -> int:
    """Of all that a firing repeat may change of its row."""
    said = (
        each.value, each.left_out, each.summary, each.generator_url, each.runbook_url, each.payload, each.critical,
        each.severity_label, each.presumed, bool(each.sender),
    )  # fmt: skip
    digest = hashlib.blake2b(repr(said).encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def merged(incoming: Iterable[Incoming]) -> list[tuple[Incoming, int, bool]]:
    """One row an alert: its last word in this body, which nothing has put out of order; how often; seen firing at all."""
    found: dict[tuple[str, datetime], tuple[Incoming, int, bool]] = {}
    for each in incoming:
        _, count, fired = found.get((each.fingerprint, each.starts_at), (each, 0, False))
        found[each.fingerprint, each.starts_at] = (each, count + 1, fired or each.firing)
    return list(found.values())


def _row(each: Incoming, count: int, fired: bool, *, told: int) -> dict[str, Any]:
    return {
        "fingerprint": each.fingerprint,
        "starts_at": each.starts_at.isoformat(),
        "ends_at": each.ends_at and each.ends_at.isoformat(),
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
        "told": told,
        "count": count,
        "fired": fired,
    }


# What a row becomes by what is told of it now. `a` is the row, `excluded` the news; the hook and admission write by it alike.
_BACK: Final = """(a.state = 'resolved' AND excluded.state = 'firing'
  AND (a.resolved_at IS NULL OR (a.fired AND excluded.sender = ANY(a.resolved_by))))"""
# These are made ready for each notification, so they are kept short: the rows of before `resolved_at` are left out here.
_LIVE: Final = "excluded.state = 'firing' AND (a.state = 'firing' OR excluded.sender = ANY(a.resolved_by))"
_GRAVER: Final = "excluded.state = 'firing' AND excluded.critical AND NOT a.critical"
# Of equal digests nothing is read, and nothing long written anew.
_OTHER: Final = "a.told IS DISTINCT FROM excluded.told"
_READ: Final = ("value", "left_out", "summary", "generator_url", "runbook_url", "payload")
_DIFFERS: Final = " OR ".join(f"a.{each} IS DISTINCT FROM excluded.{each}" for each in _READ)
_REFRESHED: Final = ", ".join(
    f"{each} = CASE WHEN {_OTHER} AND {_LIVE} THEN excluded.{each} ELSE a.{each} END"
    for each in (*_READ, "told")
)
NEWS: Final = f"""
    count = a.count + excluded.count,
    heard_at = excluded.heard_at,
    sender = CASE WHEN a.sender = '' THEN excluded.sender ELSE a.sender END,
    state = CASE WHEN excluded.state = 'resolved' THEN 'resolved' WHEN {_BACK} THEN 'firing' ELSE a.state END,
    fired = a.fired OR {_BACK},
    ends_at = greatest(a.ends_at, excluded.ends_at),
    resolved_at = CASE WHEN excluded.state = 'resolved' THEN excluded.heard_at WHEN {_BACK} THEN NULL ELSE a.resolved_at END,
    resolved_by = CASE WHEN excluded.state = 'firing' THEN CASE WHEN {_BACK} THEN '{{}}' ELSE a.resolved_by END
      WHEN a.state <> 'resolved' THEN excluded.resolved_by
      WHEN excluded.sender = '' OR excluded.sender = ANY(a.resolved_by) OR cardinality(a.resolved_by) >= {RESOLVERS}
        THEN a.resolved_by
      ELSE a.resolved_by || excluded.sender END,
    back_at = CASE WHEN excluded.state = 'resolved' THEN NULL WHEN a.state = 'resolved' THEN excluded.heard_at
      ELSE a.back_at END,
    critical = a.critical OR ({_GRAVER}),
    severity_label = CASE WHEN {_GRAVER} THEN excluded.severity_label ELSE a.severity_label END,
    presumed = CASE WHEN {_GRAVER} THEN excluded.presumed ELSE a.presumed END,
    {_REFRESHED},
    pending = a.pending OR (a.state = 'firing' AND excluded.state = 'resolved')
      OR (a.state = 'resolved' AND excluded.state = 'firing') OR ({_GRAVER})
      OR ({_OTHER} AND a.incident_id IS NOT NULL AND {_LIVE} AND ({_DIFFERS}))"""

# A token that is unknown, revoked, expired or of another scope yields no row of `token`, by one and the same path (F30).
_TOKEN: Final = f"""
WITH token AS ({tokens.LIVE}), used AS (
  UPDATE people_apitoken t SET last_used_at = statement_timestamp() FROM (
    SELECT u.id FROM people_apitoken u JOIN token ON token.id = u.id
    WHERE token.last_used_at IS NULL OR token.last_used_at < statement_timestamp() - interval '1 minute'
    FOR NO KEY UPDATE OF u SKIP LOCKED) free  -- an alert never waits for whoever is changing its token
  WHERE t.id = free.id RETURNING t.prefix
)"""  # noqa: S608  (texts of our own)
_COLUMNS: Final = """source, fingerprint, starts_at, ends_at, state, critical, severity_label, presumed, name, summary, value,
    service_slug, group_key, generator_url, runbook_url, payload, sender, resolved_at, resolved_by, left_out, received_at,
    heard_at, count, fired, told, again, pending"""
_VALUES: Final = """x.ends_at, x.state, x.critical, x.severity_label, x.presumed, x.name, x.summary, x.value, x.service_slug,
    x.group_key, x.generator_url, x.runbook_url, x.payload::jsonb, x.sender,
    CASE WHEN x.state = 'resolved' THEN clock_timestamp() END,
    CASE WHEN x.state = 'resolved' AND x.sender <> '' THEN ARRAY[x.sender] ELSE '{}' END,
    x.left_out, clock_timestamp(), clock_timestamp(), x.count, x.fired, x.told, false, true"""
_TOLD: Final = """json_to_recordset(%s::json) AS x(
    fingerprint text, starts_at timestamptz, ends_at timestamptz, state text, critical bool, severity_label text,
    presumed smallint, name text, summary text, value text, service_slug text, group_key text, generator_url text,
    runbook_url text, payload json, sender text, left_out int, told bigint, count int, fired bool)"""
_ANSWER: Final = """
SELECT token.user_id, (SELECT count(*) FROM stored), (SELECT count(*) FROM stored WHERE new),
  (SELECT count(*) FROM stored WHERE pending), (SELECT prefix FROM used), (SELECT min(starts_at) FROM stored)
FROM token
"""
STORE: Final = f"""
{_TOKEN}, stored AS (
  INSERT INTO oncall_alert AS a (
    {_COLUMNS})
  SELECT DISTINCT ON (x.fingerprint COLLATE "C", begins) 'alertmanager.' || token.user_id, x.fingerprint, begins,
    {_VALUES}
  FROM token, {_TOLD}
  CROSS JOIN LATERAL (SELECT coalesce((
    SELECT r.starts_at FROM oncall_alert k JOIN oncall_alert r ON r.id = k.same_as_id
    WHERE k.source = 'alertmanager.' || token.user_id AND k.fingerprint = x.fingerprint AND k.starts_at = x.starts_at
      AND k.past = 0 AND k.same_as_id IS NOT NULL), x.starts_at) AS begins) same
  ORDER BY x.fingerprint COLLATE "C", begins, x.starts_at DESC
  ON CONFLICT (source, fingerprint, starts_at, past) DO UPDATE SET {NEWS}
  RETURNING starts_at, (xmax = 0) AS new, pending
)
{_ANSWER}
"""  # noqa: S608  (texts of our own)
# A token whose use is to be noted yields no row here either, and what it sends goes to STORE.
_NOTED: Final = f"""
WITH token AS (
  SELECT * FROM ({tokens.LIVE}) live WHERE last_used_at >= statement_timestamp() - interval '1 minute'
)"""  # noqa: S608  (texts of our own)
# Nobody has told of it: no row has to become another.
_NEW: Final = f"""
{_NOTED}, stored AS (
  INSERT INTO oncall_alert ({_COLUMNS})
  SELECT 'alertmanager.' || token.user_id, x.fingerprint, x.starts_at,
    {_VALUES}
  FROM token, {_TOLD}
  ON CONFLICT (source, fingerprint, starts_at, past) DO NOTHING RETURNING starts_at
)
SELECT token.user_id, 1, 1, 1, NULL, stored.starts_at FROM token, stored
"""  # noqa: S608  (as above)
# The row fires and says already all that is told of it, so it is counted and nothing else of it changes.
_AGAIN: Final = f"""
{_NOTED}, stored AS (
  UPDATE oncall_alert a SET count = a.count + x.count, heard_at = clock_timestamp()
  FROM token, (SELECT %s::text AS fingerprint, %s::timestamptz AS starts_at, %s::bigint AS told, %s::int AS count) x
  WHERE a.source = 'alertmanager.' || token.user_id AND a.fingerprint = x.fingerprint AND a.starts_at = x.starts_at
    AND a.past = 0 AND a.told = x.told AND a.state = 'firing'
  RETURNING a.starts_at, a.pending
)
SELECT token.user_id, 1, 0, stored.pending::int, NULL, stored.starts_at FROM token, stored
"""  # noqa: S608  (as above)
