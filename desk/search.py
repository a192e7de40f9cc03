"""Finding incidents: by words, severity, state and kind, newest first, one page at a time at any depth (G9, G11).

Pages are told by the last row before them, never by a count: the page 90,000 rows deep costs what the first costs.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from json import loads
from typing import Any

from django.db import connection, transaction

PAGE = 50
WINDOW = 1_000
KEY = re.compile(r"(?:INC-\d{4}|DRILL)-\d{4,9}", re.IGNORECASE)
EXACT = re.compile(r'"|(^|\s)-|\bor\b', re.IGNORECASE)  # who uses these means each word as it stands
STATES = {
    "open": "NOT (i.status IN ('resolved', 'closed'))", "resolved": "i.status = 'resolved'", "closed": "i.status = 'closed'",
}  # fmt: skip
KINDS = ("live", "drill")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person looks for. `whole` is false for people outside the room: they find by key and title alone."""

    q: str = ""
    severity: str = ""
    state: str = ""
    kind: str = ""
    after: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """One incident of a page. `impact` are its intervals as stamps."""

    key: str
    title: str
    severity: int | None
    presumed: int | None
    status: str
    kind: str
    alert: datetime
    resolved: datetime | None
    impact: list[list[str | None]]
    now: datetime
    services: str


ROWS = """
SELECT i.key, i.title, i.severity, i.presumed, i.status, i.kind, i.alert_fired_at, i.resolved_at,
  (i.state->'impact')::text, coalesce(i.driven_now, statement_timestamp()),
  (SELECT coalesce(string_agg(s.name, ', ' ORDER BY s.name), '') FROM incidents_service s
   JOIN incidents_incident_services x ON x.service_id = s.id WHERE x.incident_id = i.id)
FROM ({page}) i
"""
PAGE_SQL = "SELECT * FROM incidents_incident i WHERE {where} ORDER BY i.opened_at DESC, i.id DESC LIMIT %s"
# A word that is common stands often enough among the newest.
RECENT_SQL = """
SELECT * FROM (SELECT * FROM incidents_incident i WHERE {where} ORDER BY i.opened_at DESC, i.id DESC LIMIT %s) i
WHERE {words} ORDER BY i.opened_at DESC, i.id DESC LIMIT %s
"""
WORDS = (
    "{of}.words @@ (websearch_to_tsquery('english', %s) || websearch_to_tsquery('simple', %s) "
    "|| to_tsquery('english', %s) || to_tsquery('simple', %s))"
)
OLDER = (
    "(i.opened_at, i.id) < ((SELECT opened_at FROM incidents_incident WHERE key = %s), "
    "(SELECT id FROM incidents_incident WHERE key = %s))"
)
TITLES = "{of}.words @@ (to_tsquery('english', %s) || to_tsquery('simple', %s))"


def page(asked: Asked) -> tuple[list[Found], bool]:
    """A page of incidents, and whether there are older ones. One statement; a rare word takes the word index as well."""
    where, values = _filters(asked)
    if not asked.q:
        return _cut(_ask(PAGE_SQL.format(where=_all(where)), [*values, PAGE + 1]))
    condition, words = matching(asked.q, whole=asked.whole)
    recent = RECENT_SQL.format(where=_all(where), words=condition)
    found = _ask(recent, [*values, WINDOW, *words, PAGE + 1])
    if len(found) <= PAGE:
        found = _by_word_index(PAGE_SQL.format(where=_all([*where, condition])), [*values, *words, PAGE + 1])
    return _cut(found)


def _by_word_index(inner: str, values: list[Any]) -> list[Found]:
    """The planner guesses a rare word to be common and would read every incident, newest first, to find none."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = off")
        found = _ask(inner, values)
        cursor.execute("SET LOCAL enable_indexscan = DEFAULT; SET LOCAL enable_seqscan = DEFAULT")
    return found


def _ask(inner: str, values: list[Any]) -> list[Found]:
    with connection.cursor() as cursor:
        cursor.execute(ROWS.format(page=inner) + " ORDER BY i.opened_at DESC, i.id DESC", values)
        return [_found(row) for row in cursor.fetchall()]


def _cut(rows: list[Found]) -> tuple[list[Found], bool]:
    return rows[:PAGE], len(rows) > PAGE


def _all(where: list[str]) -> str:
    return " AND ".join(where) or "TRUE"


def _filters(asked: Asked) -> tuple[list[str], list[Any]]:
    """What narrows it beside the words, and where the page begins."""
    where: list[str] = []
    values: list[Any] = []
    if asked.severity in ("1", "2", "3", "4"):
        where.append("i.severity = %s")
        values.append(int(asked.severity))
    if asked.state in STATES:
        where.append(STATES[asked.state])
    if asked.kind in KINDS:
        where.append("i.kind = %s")
        values.append(asked.kind)
    if KEY.fullmatch(asked.after):
        where.append(
            OLDER
        )  # two values, not one row of two: only so does the index begin where the page does
        values += [asked.after.upper()] * 2
    return where, values


def matching(q: str, *, whole: bool, of: str = "i") -> tuple[str, list[Any]]:
    """The condition on the incidents named `of`, and its values, for words as people type them to a search engine.

    The last word also counts as the beginning of one. Without `whole` only titles are looked through: who is outside the
    room must not learn by asking which client or service is hit.
    """
    if KEY.fullmatch(q):
        return f"{of}.key = %s", [q.upper()]
    words = re.findall(r"\w+", q)
    if not words:
        return "FALSE", []
    if not whole:
        titles = " & ".join([*(f"{word}:A" for word in words[:-1]), f"{words[-1]}:*A"])
        return TITLES.format(of=of), [titles, titles]
    prefix = "" if EXACT.search(q) else " & ".join([*words[:-1], f"{words[-1]}:*"])
    return WORDS.format(of=of), [q, q, prefix, prefix]


def _found(row: tuple[Any, ...]) -> Found:
    return Found(*(*row[:8], loads(row[8] or "[]"), *row[9:]))
