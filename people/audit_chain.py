"""Is the security audit still what was written? Walks its chain and names the first link that is not (S34)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from people import audit
from people.models import AuditEntry, AuditLink

CHAINED_WITHIN: Final = timedelta(hours=1)
"""How old an entry may be that is not chained yet; housekeeping chains every few minutes."""


@dataclass(frozen=True)
class Head:
    """The last link that was found good: 0 and no hash for an empty chain."""

    seq: int
    hash: bytes


def verify(*, now: datetime) -> tuple[Head, str]:
    """The last good link, and the first fault in words, or an empty text.

    Right while others write: one statement reads the links. Cut-off ends show only against a head kept elsewhere.
    """
    seq, previous = 0, audit.GENESIS
    links = AuditLink.objects.select_related("entry").order_by("seq")
    for link in links.iterator(chunk_size=2_000):
        fault = _link_fault(link, seq + 1, previous)
        if fault:
            return Head(seq, previous), f"Link {seq + 1}: {fault}"
        seq, previous = link.seq, bytes(link.hash)
    return Head(seq, previous), _loose(now)


def hash_at(seq: int) -> bytes | None:
    """The hash of one link, or None where there is none."""
    found = AuditLink.objects.filter(seq=seq).values_list("hash", flat=True).first()
    return None if found is None else bytes(found)


def _link_fault(link: AuditLink, expected: int, previous: bytes) -> str:
    if link.seq != expected:
        return f"it is missing; the next one is {link.seq}."
    if bytes(link.prev_hash) != previous:
        return "it does not follow from the link before it."
    if audit.link_digest(link.seq, _fields(link.entry), previous) != bytes(link.hash):
        return f"entry {link.entry_id} is not what was written."
    return ""


def _loose(now: datetime) -> str:
    loose = AuditEntry.objects.filter(link=None, written_at__lt=now - CHAINED_WITHIN).order_by("pk")
    first = loose.first()
    if first is None:
        return ""
    return f"Entry {first.pk} of {first.at:%Y-%m-%d %H:%M} UTC is not in the chain. Is housekeeping running?"


def _fields(entry: AuditEntry) -> list[Any]:
    return [
        entry.pk, entry.at, entry.event, entry.by_id, entry.by_name, entry.about, entry.details, entry.address,
        entry.request_id,
    ]  # fmt: skip
