"""One breaker a lane: five failures in a row and it rests 30 s; then a single message goes ahead to try."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from comms.models import Breaker

FAILURES: Final = 5
REST: Final = timedelta(seconds=30)


def count(lane: str, *, failed: bool, now: datetime) -> None:
    """Note one try. A success closes the breaker; the fifth failure in a row, and each after it, opens it for 30 s."""
    if not failed:
        Breaker.objects.filter(lane=lane, failures__gt=0).update(failures=0, open_until=None)
        return
    with connection.cursor() as cursor:
        cursor.execute(_FAILED, {"lane": lane, "failures": FAILURES, "until": now + REST})


def tripped(lanes: Collection[str]) -> set[str]:
    """Those of `lanes` that failed five times in a row and have not succeeded since, resting or ready for a probe."""
    return set(Breaker.objects.filter(lane__in=lanes, failures__gte=FAILURES).values_list("lane", flat=True))


def probe(lane: str, *, now: datetime) -> bool:
    """Take the one probe of a lane whose rest is over. False when another process has taken it."""
    return bool(
        Breaker.objects.filter(lane=lane, failures__gte=FAILURES, open_until__lte=now).update(
            open_until=now + REST
        )
    )


_FAILED = """
INSERT INTO comms_breaker AS b (lane, failures, open_until) VALUES (%(lane)s, 1, NULL)
ON CONFLICT (lane) DO UPDATE
SET failures = b.failures + 1,
    open_until = CASE WHEN b.failures + 1 >= %(failures)s THEN %(until)s::timestamptz ELSE b.open_until END
"""
