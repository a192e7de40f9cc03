"""What could not be read is kept for a week, so that people can see what their sources sent (F28, S21)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from oncall.models import Quarantine

KEPT_FOR: Final = timedelta(days=7)
BODY_KEPT: Final = 256 * 1024


def keep(source: str, faults: Sequence[tuple[str, str]], body: bytes, *, now: datetime) -> None:
    """Set a body aside with its faults (reason, position each); its bytes are stored once, with the first."""
    Quarantine.objects.bulk_create(
        Quarantine(
            source=source,
            reason=reason[:300],
            position=position[:120],
            body=b"" if place else body[:BODY_KEPT],
            received_at=now,
        )
        for place, (reason, position) in enumerate(faults)
    )


def count(source: str) -> int:
    """How much of a source has been set aside in the last week."""
    return Quarantine.objects.filter(source=source).count()


def total(*, now: datetime) -> int:
    """How many entries of the last week there are, of all sources."""
    return Quarantine.objects.filter(received_at__gte=now - KEPT_FOR).count()


def prune(*, now: datetime) -> int:
    """Delete what is older than a week; how many rows."""
    return Quarantine.objects.filter(received_at__lt=now - KEPT_FOR).delete()[0]
