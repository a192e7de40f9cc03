"""The heads of all chains in a file that is kept elsewhere: what a chain alone cannot show, a cut-off end, shows there.

Whoever owns the database can rewrite a record with its hashes. They cannot rewrite a file on another machine.
"""

import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.stamps import stamp
from incidents.models import Incident, TimelineEntry
from people import audit_chain

AUDIT = "audit"  # no incident has such a key


@dataclass(frozen=True)
class Heads:
    """Of each chain by its name how many entries it has and the hash of the last, in hex."""

    heads: dict[str, tuple[int, str]] = field(default_factory=dict)


def current(audit_head: audit_chain.Head) -> Heads:
    """The heads as they are now; `audit_head` is that of the security audit."""
    rows = Incident.objects.order_by("pk").values_list("key", "seq", "head_hash")
    heads = {key: (seq, bytes(digest).hex()) for key, seq, digest in rows}
    return Heads(heads | {AUDIT: (audit_head.seq, audit_head.hash.hex())})


def read(file: Path) -> Heads:
    """The heads in the file; none when there is no file yet. Raises Invalid when it is no such file."""
    if not file.exists():
        return Heads()
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))["heads"]
        return Heads({str(name): (int(seq), str(digest)) for name, (seq, digest) in stored.items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(
            f"{file} is not an anchor file that can be read. It was left unchanged. Name another file."
        ) from error


def write(file: Path, heads: Heads, *, now: datetime) -> None:
    """Replace the file as a whole. Raises Invalid when it cannot be written; the old file is then unchanged."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    text = json.dumps({"written_at": stamp(now), "heads": heads.heads}, indent=1)
    try:
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(file)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise Invalid(f"{file} cannot be written: {error.strerror}. Its heads were not renewed.") from error


def faults(heads: Heads) -> list[str]:
    """One sentence for each chain that no longer holds what these heads name."""
    return [said for name, (seq, digest) in heads.heads.items() if (said := _fault(name, seq, digest))]


def _fault(name: str, seq: int, digest: str) -> str:
    if seq == 0:
        return ""
    found = audit_chain.hash_at(seq) if name == AUDIT else _hash_of(name, seq)
    if found is None:
        return f"{name}: entry {seq} is in the anchor file and no longer in the database."
    return "" if found.hex() == digest else f"{name}: entry {seq} is not the one in the anchor file."


def _hash_of(key: str, seq: int) -> bytes | None:
    found = TimelineEntry.objects.filter(incident__key=key, seq=seq).values_list("hash", flat=True).first()
    return None if found is None else bytes(found)
