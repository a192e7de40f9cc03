"""How many requests a minute somebody may make: counters in Redis, and no limit at all while it is away (S20)."""

import time
from datetime import datetime

from django.conf import settings
from django.core.cache import caches

from desk.api.errors import TooMany

MINUTE = 60
REST_SECONDS = 30.0
_rests_until = 0.0


def count(who: str, *, now: datetime) -> None:
    """Count one request. Raises TooMany beyond the limit; waits on a dead Redis at most once in 30 s."""
    global _rests_until
    if time.monotonic() < _rests_until:
        return
    window, rest = divmod(int(now.timestamp()), MINUTE)
    key = f"limit:{who}:{window}"
    try:
        caches["redis"].add(key, 0, timeout=2 * MINUTE)
        made = caches["redis"].incr(key)
    except ValueError:  # the counter was thrown away between the two
        return
    except Exception:
        # any failure of Redis: the limit is a courtesy, the request is the work
        _rests_until = time.monotonic() + REST_SECONDS
        return
    if made > settings.API_PER_MINUTE:
        raise TooMany(MINUTE - rest)
