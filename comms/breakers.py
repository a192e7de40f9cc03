"""One breaker a lane: five failures in a row and it rests 30 s; then a single message goes ahead to try."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from comms.models import Breaker

FAILURES: Final = 5
REST: Final = timedelta(seconds=30)


def count(tries: Sequence[tuple[str, bool]], *, now: datetime) -> None:
    """Note tries in their order, each a lane and whether it failed.

    A success closes the breaker; the fifth failure in a row, and each after it, opens it for 30 s.
    """
    failures: dict[str, int] = {}
    well: set[str] = set()
    for lane, failed in tries:
        failures[lane] = failures.get(lane, 0) + 1 if failed else 0
        if not failed:
            well.add(lane)
    if well:
        Breaker.objects.filter(lane__in=well, failures__gt=0).update(failures=0, open_until=None)
    for lane in sorted(lane for lane, number in failures.items() if number):
        with connection.cursor() as cursor:
            cursor.execute(
                _FAILED, {"lane": lane, "n": failures[lane], "failures": FAILURES, "until": now + REST}
            )


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
INSERT INTO comms_breaker AS b (lane, failures, open_until)
VALUES (%(lane)s, %(n)s, CASE WHEN %(n)s >= %(failures)s THEN %(until)s::timestamptz END)
ON CONFLICT (lane) DO UPDATE
SET failures = b.failures + %(n)s,
    open_until = CASE WHEN b.failures + %(n)s >= %(failures)s THEN %(until)s::timestamptz ELSE b.open_until END
"""
