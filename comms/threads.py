"""Mail threads: one subject per incident and audience, that of its first mail: severity, service, effect (INT-25).

Mail programs join mails by subject and References together, so both stay as they are while a thread lasts. What changes
stands in the first line of the body. A change of severity is announced in the old thread and begins a new one for those
who read severities; clients and the public keep theirs, since no text tells them one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from comms.models import Audience, Thread
from incidentdesk.kernel import sql
from incidentdesk.kernel.text import clean_line

LIMIT: Final = 200
SPLIT: Final = frozenset({Audience.RESPONDERS, Audience.EXECUTIVES})
Key = tuple[int, str]


@dataclass(frozen=True)
class Place:
    """The thread that the next mail goes to, and the one that begins after it; `announces` is None where none does."""

    thread: int
    subject: str
    announces: int | None = None


def places(keys: Collection[Key], *, now: datetime, sends: bool = True) -> dict[Key, Place]:
    """Where the next mails to these (incident, audience) go, in the caller's transaction; begins what is missing.

    With `sends` the mails go out now, so that after a change of severity the thread after theirs begins too. Call it with
    the incidents locked. One statement, two where a thread begins.
    """
    if not keys:
        return {}
    wanted = sorted(keys)
    rows = sql.run(_LATEST, sql.columns(wanted))
    found = {(row[0], row[1]): Place(row[6], row[9]) for row in rows if row[6] is not None}
    fresh = [
        (
            row[0],
            row[1],
            (row[7] or 0) + 1,
            row[5],
            subject(Audience(row[1]), row[2], row[5], row[4], row[3]),
            now,
        )
        for row in rows
        if row[6] is None or (sends and row[8] != row[5] and row[1] in SPLIT)
    ]
    for made, incident, audience, title in sql.run(_BEGIN, sql.columns(fresh)) if fresh else ():
        old = found.get((incident, audience))
        found[incident, audience] = (
            Place(old.thread, old.subject, made) if old is not None else Place(made, title)
        )
    return found


def subject(
    audience: Audience, key: str, severity: int | None, services: Collection[str] | None, title: str
) -> str:
    """The subject of a thread that begins now. `title` is the incident's, with or without its own severity."""
    names = list(services or ())
    if audience not in SPLIT:
        return clean_line(f"Disruption of {outside_name(names)}", limit=10_000)[:LIMIT]
    level = f"SEV-{severity} " if severity else ""
    effect = title.removeprefix(f"SEV-{title[4:5]} ")
    head = "" if not names or effect.lower().startswith(names[0].lower()) else f"{_named(names)}: "
    return clean_line(f"[{key}] {level}{head}{effect}", limit=10_000)[:LIMIT]


def outside_name(services: Sequence[str]) -> str:
    """What clients and the public call the trouble: two services, and how many more are hit."""
    return _named(services) or "our service"


def _named(services: Sequence[str]) -> str:
    more = f" and {len(services) - 2} more" if len(services) > 2 else ""
    return ", ".join(services[:2]) + more


def headed(payload: Mapping[str, Any], thread: Thread, announces: Thread | None) -> dict[str, Any]:
    """The mail as it leaves: under the thread's subject, with what References names, and a change of severity ahead."""
    number = (
        f".{thread.number}" if thread.number > 1 else ""
    )  # the first is named as an older version named it
    told = {**payload, "subject": thread.subject, "thread": f"{payload['thread']}{number}"}
    if announces is not None:
        told["body"] = (
            f"The severity is now SEV-{announces.severity}. It was SEV-{thread.severity}. "
            f"Later emails have the subject “{announces.subject}”.\n\n{payload['body']}"
        )
    return told


_LATEST = """
SELECT i.id, x.audience, i.key, i.title,
  CASE WHEN t.id IS NULL OR t.severity IS DISTINCT FROM coalesce(i.severity, i.presumed) THEN ARRAY(
    SELECT s.name FROM incidents_service s JOIN incidents_incident_services n ON n.service_id = s.id
    WHERE n.incident_id = i.id AND s.slug <> 'unsorted' ORDER BY s.id) END,
  coalesce(i.severity, i.presumed), t.id, t.number, t.severity, t.subject
FROM unnest(%b::bigint[], %b::text[]) AS x(incident, audience) JOIN incidents_incident i ON i.id = x.incident
LEFT JOIN LATERAL (
  SELECT * FROM comms_thread t WHERE t.incident_id = i.id AND t.audience = x.audience ORDER BY t.number DESC LIMIT 1
) t ON true
"""
_BEGIN = """
INSERT INTO comms_thread (incident_id, audience, number, severity, subject, begun_at)
SELECT * FROM unnest(%b::bigint[], %b::text[], %b::int[], %b::smallint[], %b::text[], %b::timestamptz[])
RETURNING id, incident_id, audience, subject
"""
