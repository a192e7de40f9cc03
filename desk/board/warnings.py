"""Warnings that fire and belong to no open incident: listed on the Desk until they end (decisions 12)."""

from desk.room.shapes import DeskWarning
from desk.room.words import Words
from incidentdesk.kernel import sql
from incidents.protocol.words import STORED
from oncall import senders, unattached

MOST = 20
_FIRING = f"""
SELECT a.id, a.name, coalesce(s.name, a.service_slug), a.summary, a.starts_at, count(*) OVER ()
FROM oncall_alert a LEFT JOIN incidents_service s ON s.id = a.service_id
WHERE {unattached.firing("a")}
  AND a.severity_label <> ALL(%s::text[])
ORDER BY a.starts_at DESC, a.id DESC LIMIT %s::int
"""  # noqa: S608  (texts of our own)


def firing(words: Words) -> tuple[tuple[DeskWarning, ...], int]:
    """The latest of them, and how many there are beyond."""
    stored = [word for word, meaning in senders.words().known.items() if meaning == STORED]
    rows = sql.run(_FIRING, [stored, MOST])
    found = tuple(
        DeskWarning(pk, name, service, summary, words.short(since))
        for pk, name, service, summary, since, _ in rows
    )
    return found, (rows[0][5] - len(rows)) if rows else 0
