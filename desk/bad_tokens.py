"""Slowing an address that keeps coming with a token that opens nothing, at every door that takes tokens (S20)."""

import logging
import time
from datetime import datetime
from typing import Final

from django.core.cache import caches
from django.http import HttpRequest

from incidentdesk.kernel.client_address import client_address
from people import audit, throttle

LIMIT: Final = 30
PER: Final = 60  # seconds
REDIS_RESTS: Final = 30.0
log = logging.getLogger(__name__)
_redis_rests_until = 0.0


def too_many(request: HttpRequest, *, now: datetime) -> bool:
    """Count one bad try, and audit it unless it is one too many. While Redis is away nobody is slowed."""
    if _over_limit(request):
        return True
    address = client_address(request)
    audit.Source(address=address).tally(audit.Event.TOKEN_REFUSED, about=address, now=now)
    return False


def _over_limit(request: HttpRequest) -> bool:
    global _redis_rests_until
    if time.monotonic() < _redis_rests_until:
        return False
    # One of a fixed number of counters, so that strangers cannot fill Redis; a valid token never asks for one.
    cache, key = caches["redis"], f"bad-tokens.{throttle.slot(throttle.network(request))}"
    try:
        cache.add(key, 0, PER)
        return cache.incr(key) > LIMIT
    except ValueError:  # it ran out between the two
        return False
    except Exception as error:
        _redis_rests_until = time.monotonic() + REDIS_RESTS
        log.warning("Bad tokens are not counted just now (%s).", type(error).__name__)
        return False
