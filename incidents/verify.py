"""Is the record still what was written? Walks the chain of one incident, refolds it, and names the first bad seq."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from incidentdesk.kernel import sql
from incidents import record as records
from incidents import timeline
from incidents.models import EntryText, Incident, TimelineEntry
from incidents.protocol import FOLD_VERSION, State, empty, fold
from incidents.record import protocol_of


@dataclass(frozen=True)
class Fault:
    """The first place where a record is not what was written, and how it shows."""

    key: str
    seq: int
    what: str


def verify(incident: Incident) -> Fault | None:
    """The first fault of an incident's timeline, or None.

    Catches changed, deleted, swapped, cut-off and smuggled-in entries, changed texts (a blanked text is none), and a
    state that is not what the entries fold to. The incident's own row is the witness for its last entries.

    Right on a running desk: entries never change once they are committed, so the record is judged up to the `seq` of the
    row passed in, however many acts were added since that row was read. Safe to repeat.
    """
    upto = {"incident": incident, "seq__lte": incident.seq}
    texts = {row.seq: row for row in EntryText.objects.filter(**upto)}
    protocol = protocol_of(incident.protocol_id)
    state: State = empty()
    previous, expected = timeline.GENESIS, 1
    for row in TimelineEntry.objects.filter(**upto).order_by("seq").iterator():
        fault = _entry_fault(row, expected, previous, texts.get(row.seq))
        if fault:
            return Fault(incident.key, expected, fault)
        state = fold(protocol, state, timeline.entry_of(row))
        previous, expected = bytes(row.hash), expected + 1
    if expected - 1 != incident.seq or previous != bytes(incident.head_hash):
        return Fault(
            incident.key,
            expected,
            f"The incident counts {incident.seq} entries, the timeline holds {expected - 1}.",
        )
    if incident.fold_version == FOLD_VERSION and state != incident.state:
        return Fault(incident.key, incident.seq, "The stored state is not what the entries fold to.")
    return _beyond(incident)


# One statement is one snapshot, so an act that commits meanwhile moves both figures or neither.
_COUNTED = """
SELECT i.seq, (SELECT max(e.seq) FROM incidents_timelineentry e WHERE e.incident_id = i.id)
FROM incidents_incident i WHERE i.id = %s
"""


def _beyond(incident: Incident) -> Fault | None:
    """The fault of entries that stand behind the last one that the incident counts."""
    counted, last = sql.run(_COUNTED, [incident.pk])[0]
    if last <= counted:
        return None
    return Fault(
        incident.key, counted + 1, f"The incident counts {counted} entries, the timeline holds {last}."
    )


def _entry_fault(row: TimelineEntry, expected: int, previous: bytes, text: EntryText | None) -> str | None:
    if row.seq != expected:
        return f"Entry {expected} is missing; the next one there is {row.seq}."
    if bytes(row.prev_hash) != previous:
        return "It does not follow from the entry before it."
    text_hash = bytes(row.text_hash)
    if timeline.digest(row.incident_id, timeline.entry_of(row), row.role, text_hash, previous) != bytes(
        row.hash
    ):
        return "It is not what was written."
    if text_hash and text is None:
        return "Its text is gone."
    if text is not None and text.body and timeline.digest_text(bytes(text.salt), text.body) != text_hash:
        return "Its text is not what was written."
    return None


def refold(incident: Incident, *, now: datetime) -> bool:
    """Fold a state anew that an older fold has stored, with its deadlines; whether that was needed. Twice is safe."""
    if incident.fold_version == FOLD_VERSION:
        return False
    with transaction.atomic():
        records.save([records.load(incident.pk, now=now)], now=now)
    return True
