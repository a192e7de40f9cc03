"""A secret leaves the record and all that repeats it: title, updates, alerts, messages that wait, answers (RBAC-13).

`incidents.redaction` blanks the entry; here its words are taken out of what was made of them. What has been delivered
is not called back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from comms.models import Message, UpdateText
from desk.models import Idempotency
from incidents import projection, redaction
from incidents.models import EntryText, Incident, TimelineEntry
from oncall.models import Alert
from people.models import User

GONE = "[redacted]"
_WHOLE = 4  # shorter words are only taken out where they stand alone
_OF_ALERTS = ("name", "summary", "value", "generator_url", "runbook_url", "payload")
_CUT = 12  # so much of the beginning is known again at the end of a text that was cut


@dataclass(frozen=True)
class Redacted:
    """The entry that says so, and other entries of the incident that hold the same words and are still readable."""

    mark: int
    also: tuple[int, ...]


def redact(incident: Incident, seq: int, *, reason: str, by: User, now: datetime) -> Redacted:
    """Blank entry `seq` and take its words out of all that repeats them, in one transaction on the owner's connection.

    Raises what `incidents.redaction.redact` raises. `now` is aware UTC.
    """
    with transaction.atomic():
        words = _words(incident, seq)
        mark = redaction.redact(incident, seq, reason=reason, by=by, now=now)
        _from_title(incident, words)
        for text in UpdateText.objects.filter(update__incident=incident):
            _from_row(text, words, "subject", "body", "data")
        for message in Message.objects.filter(incident=incident).select_for_update():
            _from_row(message, words, "payload")
        for alert in Alert.objects.filter(incident=incident):
            _from_row(alert, words, *_OF_ALERTS)
        _from_alert(incident, seq)
        for answered in Idempotency.objects.filter(
            Q(answer__incident=incident.key) | Q(answer__incident__isnull=True)
        ):
            _from_row(answered, words, "answer")  # a refusal does not say which incident it was about
        projection.index_words(incident.pk)
    return Redacted(mark, _also(incident, words, mark))


def _words(incident: Incident, seq: int) -> list[str]:
    """The texts of the entry, and the lines of those that have several, the longest first."""
    body = EntryText.objects.filter(incident=incident, seq=seq).values_list("body", flat=True).first() or {}
    found = {text for text in body.values() if text}
    found |= {line.strip() for text in found for line in text.splitlines() if len(line.strip()) >= _CUT}
    return sorted(found, key=len, reverse=True)


def _from_title(incident: Incident, words: list[str]) -> None:
    title = Incident.objects.values_list("title", flat=True).get(pk=incident.pk)
    incident.title = without(title, words)
    if incident.title != title:
        Incident.objects.filter(pk=incident.pk).update(title=incident.title)


def _from_alert(incident: Incident, seq: int) -> None:
    """An entry about an alert is made of the alert's own texts, so all of these go: the room shows them as well."""
    entry = TimelineEntry.objects.get(incident=incident, seq=seq)
    if entry.kind not in ("alert.fired", "alert.resolved"):
        return
    alert = Alert.objects.filter(incident=incident, pk=entry.payload["alert"]).first()
    if alert is not None:
        texts = (alert.name, alert.summary, alert.value, *_values(alert.payload))
        _from_row(alert, [text for text in texts if text], *_OF_ALERTS)
        Alert.objects.filter(pk=alert.pk).update(generator_url="", runbook_url="")


def _values(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _values(each)
    elif isinstance(value, str):
        yield value


def _from_row(row: Any, words: list[str], *fields: str) -> None:
    changed = []
    for name in fields:
        value = getattr(row, name)
        fresh = without(value, words)
        if isinstance(fresh, str):
            fresh = fresh[: row._meta.get_field(name).max_length]
        if fresh != value:
            setattr(row, name, fresh)
            changed.append(name)
    if changed:
        row.save(update_fields=changed)


def without(value: Any, words: list[str]) -> Any:
    """A text, or the texts of a JSON value, with `[redacted]` in the place of the words, also where they were cut."""
    if isinstance(value, dict):
        return {name: without(each, words) for name, each in value.items()}
    if isinstance(value, list):
        return [without(each, words) for each in value]
    return _masked(value, words) if isinstance(value, str) else value


def _masked(text: str, words: list[str]) -> str:
    for word in words:
        if text == word:
            return GONE
        if len(word) >= _WHOLE:
            text = text.replace(word, GONE)
        for length in range(min(len(word), len(text)), _CUT - 1, -1):
            if text.endswith(word[:length]):
                text = text[:-length] + GONE
                break
    return text


def _also(incident: Incident, words: list[str], mark: int) -> tuple[int, ...]:
    """Entries whose own words hold those that were blanked: each is blanked, and answered for, on its own."""
    rows = EntryText.objects.filter(incident=incident).exclude(seq=mark).order_by("seq")
    return tuple(row.seq for row in rows if without(row.body, words) != row.body)
