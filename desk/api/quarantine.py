"""What could not be read, for an administrator's token with the scope `admin`; for any other it does not exist."""

from typing import Any

from desk.api.wire import time
from oncall.models import Quarantine


def newest(*, before: int | None, limit: int) -> dict[str, Any]:
    """Entries, the newest first; `next` is the `before` of the entries that are older."""
    found = Quarantine.objects.order_by("-pk")
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: limit + 1])
    return {
        "entries": [_entry(each) for each in rows[:limit]],
        "next": rows[limit - 1].pk if len(rows) > limit else None,
    }


def _entry(row: Quarantine) -> dict[str, Any]:
    return {
        "entry": row.pk,
        "source": row.source,
        "reason": row.reason,
        "position": row.position,
        "body": bytes(row.body).decode(errors="replace"),
        "count": row.count,
        "received_at": time(row.received_at),
    }
