"""The security audit: who signed in, was refused, changed a right, used a token, took data out (S34).

`record` writes one entry in the caller's transaction, so the act and its trace are saved together or not at all.
`tally` is for what may come often or from strangers: the first of a window is an entry, repeats are only counted, and of
one person, or of all strangers together, a window has at most SUBJECTS different subjects. Neither takes a lock that another writer needs. Entries are chained
afterwards, in batches, by `seal`; decision page 0070 says why. Entries never hold a password, a token or another secret.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.http import HttpRequest

from incidentdesk.kernel import chain, sensitive, sql
from incidentdesk.kernel.client_address import client_address
from incidentdesk.kernel.stamps import stamp
from incidentdesk.kernel.text import header_line
from people.audit_events import Event, window
from people.models import User

__all__ = ["Event", "Source", "record", "seal", "tally"]

Value = str | int | bool | None
SUBJECTS: Final = 50
BATCH: Final = 2_000
LATE: Final = timedelta(days=1)  # no transaction stays open for so long
GENESIS: Final = b""

_COLUMNS = "at, event, by_id, by_name, about, details, address, request_id"
_INSERT = f"""
INSERT INTO people_auditentry ({_COLUMNS})
VALUES (%b::timestamptz, %b::text, %b::bigint, %b::text, %b::text, %b::text::jsonb, %b::text, %b::text)
"""  # noqa: S608  (only constants are put in)


def record(
    event: Event,
    *,
    by: User | None,
    about: str,
    details: Mapping[str, Value] = {},
    address: str = "",
    request_id: str = "",
    now: datetime,
) -> None:
    """Write one entry. `by` is who did it, None for a command or a stranger; `about` is the person or thing concerned.

    `now` is aware UTC. Values under names that carry secrets are masked. Never refuses a text: it is cleaned and cut.
    """
    by_id, by_name = (by.pk, by.name) if by else (None, "")
    sql.run(
        _INSERT,
        [now, str(event), by_id, by_name, header_line(about)[:200], _details(details), address[:64],
         header_line(request_id)[:80]],
    )  # fmt: skip


_TALLY = f"""
WITH given AS (
  SELECT %(event)s::text AS event, %(opened)s::timestamptz AS opened, %(ends)s::timestamptz AS ends,
    %(subject)s::text AS subject, %(by)s::bigint AS by_id, %(name)s::text AS by_name, %(about)s::text AS about,
    %(address)s::text AS address, %(now)s::timestamptz AS now, %(details)s::text::jsonb AS details
), placed AS (
  SELECT g.*, EXISTS (SELECT FROM people_audittally t
      WHERE t.event = g.event AND t.opened_at = g.opened AND t.subject = g.subject)
    OR (SELECT count(*) FROM people_audittally t
      WHERE t.event = g.event AND t.opened_at = g.opened AND t.by_id IS NOT DISTINCT FROM g.by_id)
      < {SUBJECTS} AS named
  FROM given g
), counted AS (
  INSERT INTO people_audittally AS t
    (event, opened_at, ends_at, subject, by_id, by_name, about, address, last_at, count)
  SELECT event, opened, ends, CASE WHEN named THEN subject ELSE coalesce(by_id::text, '') END, by_id, by_name,
    CASE WHEN named THEN about ELSE 'others' END, address, now, 1
  FROM placed
  ON CONFLICT (event, opened_at, subject) DO UPDATE
    SET count = t.count + 1, last_at = excluded.last_at, address = excluded.address
  RETURNING t.count, t.by_id, t.by_name, t.about
)
INSERT INTO people_auditentry ({_COLUMNS})
SELECT g.now, g.event, c.by_id, c.by_name, c.about, g.details, g.address, ''
FROM counted c, given g WHERE c.count = 1
"""  # noqa: S608  (only constants are put in)


def tally(
    event: Event,
    *,
    by: User | None,
    about: str,
    details: Mapping[str, Value] = {},
    address: str = "",
    now: datetime,
) -> None:
    """Write the first of a window as an entry and count the repeats, in one statement.

    Call it outside a transaction: the window's row stays locked until the caller commits.
    """
    by_id, by_name = (by.pk, by.name) if by else (None, "")
    length, about = window(event), header_line(about)[:200]
    opened = datetime.fromtimestamp(now.timestamp() // length.total_seconds() * length.total_seconds(), UTC)
    given = {
        "event": str(event), "opened": opened, "ends": opened + length, "subject": f"{by_id or ''}|{about}",
        "by": by_id, "name": by_name, "about": about, "address": address[:64], "now": now,
        "details": _details(details),
    }  # fmt: skip
    sql.run(_TALLY, given)


@dataclass(frozen=True)
class Source:
    """Who acts and from where; without a person it is a command on the server, or with an address a stranger."""

    by: User | None = None
    address: str = ""
    request_id: str = ""

    @classmethod
    def of(cls, request: HttpRequest, *, by: User | None = None) -> "Source":
        """Of a request: the person signed in, unless `by` names who acts."""
        user = by or getattr(request, "user", None)
        return cls(user if isinstance(user, User) else None, client_address(request))

    def record(
        self,
        event: Event,
        *,
        about: str,
        details: Mapping[str, Value] = {},
        now: datetime,
    ) -> None:
        """As the function `record`, by and from this source."""
        record(
            event,
            by=self.by,
            about=about,
            details=details,
            address=self.address,
            request_id=self.request_id,
            now=now,
        )

    def tally(self, event: Event, *, about: str, details: Mapping[str, Value] = {}, now: datetime) -> None:
        """As the function `tally`, by and from this source."""
        tally(event, by=self.by, about=about, details=details, address=self.address, now=now)


_CLOSE = f"""
WITH over AS (DELETE FROM people_audittally WHERE ends_at <= %s RETURNING *)
INSERT INTO people_auditentry ({_COLUMNS})
SELECT last_at, event, by_id, by_name, about, jsonb_build_object('repeats', count - 1), address, ''
FROM over WHERE count > 1
"""  # noqa: S608  (only constants are put in)
_UNLINKED = """
SELECT e.id, e.at, e.event, e.by_id, e.by_name, e.about, e.details, e.address, e.request_id
FROM people_auditentry e LEFT JOIN people_auditlink l ON l.entry_id = e.id
WHERE l.seq IS NULL AND e.written_at >= coalesce(
  (SELECT h.written_at FROM people_auditentry h JOIN people_auditlink k ON k.entry_id = h.id ORDER BY k.seq DESC LIMIT 1)
  - %s::interval, '-infinity')
ORDER BY e.id LIMIT %s
"""
_HEAD = "SELECT seq, hash FROM people_auditlink ORDER BY seq DESC LIMIT 1"
_LINKS = """
INSERT INTO people_auditlink (seq, entry_id, prev_hash, hash)
SELECT s, e, p, h FROM unnest(%b::bigint[], %b::bigint[], %b::bytea[], %b::bytea[]) AS x(s, e, p, h)
"""
_LOCK: Final = 0x61756469  # one sealer at a time; a second one leaves it to the first


def seal(*, now: datetime) -> int:
    """End the windows that are over and chain what is not chained yet; how many entries. Twice is safe.

    One process does it at a time. A process that stops in the middle delays the chain, never a writer of entries.
    """
    sql.run(_CLOSE, [now])
    sealed = 0
    while (links := _seal_batch()) > 0:
        sealed += links
        if links < BATCH:
            break
    return sealed


def _seal_batch() -> int:
    with transaction.atomic():
        if not sql.run("SELECT pg_try_advisory_xact_lock(%s::bigint)", [_LOCK])[0][0]:
            return 0
        seq, previous = (sql.run(_HEAD) or [(0, GENESIS)])[0]
        links = []
        for row in sql.run(_UNLINKED, [LATE, BATCH]):
            seq += 1
            digest = link_digest(seq, row, previous)
            links.append((seq, row[0], previous, digest))
            previous = digest
        if links:
            sql.run(_LINKS, sql.columns(links))
        return len(links)


def link_digest(seq: int, row: Sequence[Any], previous: bytes) -> bytes:
    """The hash of a link: over its place, the columns of its entry as `_UNLINKED` reads them, and the hash before."""
    pk, at, event, by_id, by_name, about, details, address, request_id = row
    said = json.dumps(details, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    texts = (event, "" if by_id is None else str(by_id), by_name, about, said, address, request_id)
    return chain.digest(
        [previous, b"%d" % seq, b"%d" % pk, stamp(at).encode(), *(text.encode() for text in texts)]
    )


def _details(details: Mapping[str, Value]) -> str:
    kept = {
        name: header_line(value) if isinstance(value, str) else value
        for name, value in sensitive.masked(details).items()
    }
    return json.dumps(kept, ensure_ascii=False)
