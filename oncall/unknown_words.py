"""Words of severity that nobody mapped: noted once each, so that administrators hear of each once (decisions 12)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from incidentdesk.kernel import sql
from incidents.protocol.words import Words
from oncall.identity import Waiting
from oncall.models import SeverityWord

MOST: Final = 200  # words that are noted at all: a source that writes a number there has no end of them


def note(alerts: Sequence[Waiting], words: Words, *, now: datetime) -> list[Waiting]:
    """Note the words of these alerts that are not mapped; the alert of each that was never seen before."""
    found = {alert.word: alert for alert in alerts if alert.critical and not words.is_known(alert.word)}
    if not found:
        return []
    rows = [(word, found[word].name, found[word].source) for word in sorted(found)]
    return [found[word] for (word,) in sql.run(_NOTE, [now, *sql.columns(rows), MOST])]


def unmapped(words: Words) -> int:
    """How many of the words that were noted are still not mapped."""
    return sum(not words.is_known(word) for word in SeverityWord.objects.values_list("word", flat=True))


_NOTE: Final = """
INSERT INTO oncall_severityword (word, alert, source, first_at)
SELECT w, a, s, %s::timestamptz FROM unnest(%s::text[], %s::text[], %s::text[]) AS x(w, a, s)
WHERE (SELECT count(*) FROM oncall_severityword) < %s::int
ON CONFLICT (word) DO NOTHING RETURNING word
"""
