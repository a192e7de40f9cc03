"""What could not be read is kept for a week, so that administrators can see what their sources sent (F28, S21).

The same piece with the same fault is one entry with a count, however often it is sent. Each token has room for
BYTES_OF_A_TOKEN and ENTRIES_OF_A_TOKEN; beyond that its oldest entries go, so a flood hides nobody else's.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from incidentdesk.kernel import sql
from oncall.models import Quarantine
from oncall.senders import Sender

KEPT_FOR: Final = timedelta(days=7)
BODY_KEPT: Final = 256 * 1024
BYTES_OF_A_TOKEN: Final = 4 * 1024 * 1024
ENTRIES_OF_A_TOKEN: Final = 1_000


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something was set aside, where in its body, and its bytes; more than BODY_KEPT of them are cut."""

    reason: str
    position: str
    piece: bytes = b""


def keep(sender: Sender, faults: Sequence[Fault], *, now: datetime) -> None:
    """Set these aside. Twice the same is one entry, counted. Outside a transaction it is committed when this returns."""
    rows = {row[0]: row for row in (_row(fault) for fault in faults[:ENTRIES_OF_A_TOKEN])}
    if not rows:
        return
    with transaction.atomic():
        sql.run(_KEEP, [sender.token, sender.source, now, *sql.columns(rows[key] for key in sorted(rows))])
        sql.run(_CROWDED_OUT, [sender.token, BYTES_OF_A_TOKEN, ENTRIES_OF_A_TOKEN])


def total(*, now: datetime) -> int:
    """How many entries of the last week there are, of all sources."""
    return Quarantine.objects.filter(received_at__gte=now - KEPT_FOR).count()


def prune(*, now: datetime) -> int:
    """Delete what is older than a week; how many rows."""
    return Quarantine.objects.filter(received_at__lt=now - KEPT_FOR).delete()[0]


def _row(fault: Fault) -> tuple[str, str, str, bytes]:
    reason, position, piece = fault.reason[:300], fault.position[:120], fault.piece[:BODY_KEPT]
    digest = hashlib.sha256(b"\0".join((reason.encode(), position.encode(), piece))).hexdigest()
    return digest, reason, position, piece


# In the order of their digests, so that two which keep the same never wait in a circle.
_KEEP: Final = """
INSERT INTO oncall_quarantine AS q (token_id, source, received_at, count, digest, reason, position, body)
SELECT %s::bigint, %s::text, %s::timestamptz, 1, x.* FROM unnest(%s::text[], %s::text[], %s::text[], %s::bytea[]) AS x
ON CONFLICT (token_id, digest) DO UPDATE SET received_at = excluded.received_at, count = q.count + 1
"""
_CROWDED_OUT: Final = """
DELETE FROM oncall_quarantine WHERE id IN (
  SELECT id FROM (
    SELECT id, sum(octet_length(body)) OVER newest AS bytes, row_number() OVER newest AS place
    FROM oncall_quarantine WHERE token_id = %s::bigint WINDOW newest AS (ORDER BY received_at DESC, id DESC)) ranked
  WHERE bytes > %s::bigint OR place > %s::bigint)
"""
