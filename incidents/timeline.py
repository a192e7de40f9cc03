"""The append-only timeline: what an entry's hash covers, and writing many entries in one statement.

The order of a record is that of `seq`. `recorded_at` is the instant at which the act came, read before it had to wait for
another's lock; so of two acts at one moment the later entry may carry the earlier instant, by no more than that wait.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from incidentdesk.kernel import chain, sql
from incidentdesk.kernel.stamps import stamp
from incidents.protocol import Entry

ENTRY_VERSION = 1
GENESIS = b""


@dataclass(frozen=True)
class Written:
    """An entry ready to be stored; `texts` are stored apart under `salt`."""

    incident: int
    rev: int
    entry: Entry
    role: str
    payload: str
    texts: Mapping[str, str]
    salt: bytes
    text_hash: bytes
    prev_hash: bytes
    hash: bytes


_spell = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical(value: Any) -> bytes:
    """JSON with one spelling for one value, so that a stored payload hashes as it did when written.

    PostgreSQL keeps a number of jsonb as a decimal: it knows no minus zero, and 1e+16 comes back as a whole number. Such
    floats are spelled as they will be read. Raises ValueError for NaN and infinities, which no JSON holds.
    """
    text = _spell(value)
    if "-0.0" in text or "e+" in text:  # rare, and a word that looks like it costs a walk and nothing else
        text = _spell(_as_read(value))
    return text.encode()


def _as_read(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if "e+" in repr(value) else value + 0.0
    if isinstance(value, Mapping):
        return {name: _as_read(each) for name, each in value.items()}
    return [_as_read(each) for each in value] if isinstance(value, list | tuple) else value


def digest_text(salt: bytes, texts: Mapping[str, str]) -> bytes:
    """The salted hash that stands in the chain for free texts, which may be blanked later."""
    return hashlib.sha256(salt + canonical(dict(texts))).digest() if texts else b""


def digest(incident: int, entry: Entry, role: str, text_hash: bytes, prev_hash: bytes) -> bytes:
    """SHA-256 over length-prefixed fields, so that no two different entries read the same."""
    return _digest(incident, entry, role, canonical(dict(entry.payload)), text_hash, prev_hash)


def _digest(
    incident: int, entry: Entry, role: str, payload: bytes, text_hash: bytes, prev_hash: bytes
) -> bytes:
    author = "" if entry.by is None else str(entry.by)
    fields = (
        prev_hash, b"%d" % incident, b"%d" % entry.seq, entry.kind.encode(), b"%d" % ENTRY_VERSION,
        author.encode(), role.encode(), entry.happened.encode(), entry.recorded.encode(), payload, text_hash,
    )  # fmt: skip
    return chain.digest(fields)


def written(
    incident: int, rev: int, entry: Entry, role: str, texts: Mapping[str, str], prev_hash: bytes
) -> Written:
    """Chain an entry to the one before it."""
    kept = {name: text for name, text in texts.items() if text}
    salt = secrets.token_bytes(16) if kept else b""
    text_hash = digest_text(salt, kept)
    payload = canonical(dict(entry.payload))
    return Written(
        incident, rev, entry, role, payload.decode(), kept, salt, text_hash, prev_hash,
        _digest(incident, entry, role, payload, text_hash, prev_hash),
    )  # fmt: skip


INSERT_ENTRIES = """
INSERT INTO incidents_timelineentry
  (incident_id, seq, rev, kind, v, author_id, role, happened_at, recorded_at, payload, text_hash, prev_hash, hash)
SELECT i, s, r, k, 1, a, o, h::timestamptz, c::timestamptz, p::jsonb, t, q, d FROM unnest(
  %b::bigint[], %b::int[], %b::int[], %b::text[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[],
  %b::bytea[], %b::bytea[], %b::bytea[]) AS x(i, s, r, k, a, o, h, c, p, t, q, d)
"""
INSERT_TEXTS = """
INSERT INTO incidents_entrytext (incident_id, seq, salt, body)
SELECT i, s, t, b::jsonb FROM unnest(%b::bigint[], %b::int[], %b::bytea[], %b::text[]) AS x(i, s, t, b)
"""


def append(entries: Sequence[Written]) -> None:
    """Store entries, of any number of incidents, in two statements at most."""
    if not entries:
        return
    rows = [
        (w.incident, w.entry.seq, w.rev, w.entry.kind, w.entry.by, w.role, w.entry.happened,
         w.entry.recorded, w.payload, w.text_hash, w.prev_hash, w.hash)
        for w in entries
    ]  # fmt: skip
    texts = [(w.incident, w.entry.seq, w.salt, json.dumps(dict(w.texts))) for w in entries if w.texts]
    sql.run(INSERT_ENTRIES, sql.columns(rows))
    if texts:
        sql.run(INSERT_TEXTS, sql.columns(texts))


def entry_of(row: Any) -> Entry:
    """The pure entry of a stored `TimelineEntry`."""
    return Entry(
        row.seq, row.kind, row.author_id, stamp(row.happened_at), stamp(row.recorded_at), row.payload
    )
