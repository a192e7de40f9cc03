"""The rounds that the desk's processes make: a ring of beat, the keeper's watch, housekeeping."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from desk import auditor, ending_tokens, heartbeats, tick
from desk.models import Heartbeat, Idempotency
from oncall import quarantine
from people import audit, password_links, throttle
from people.sessions import SessionStore

_LOOKAHEAD: Final = 0.8  # of a ring's interval: the rest is left for the next ring to arrive
FORGET_AFTER: Final = timedelta(days=1)
# However long ago: the pages say how old the tick is, and administrators hear once since the last good check.
REMEMBERED: Final = (heartbeats.TICK, auditor.PASSED)
logger = logging.getLogger(__name__)
ANSWERS_KEPT: Final = timedelta(days=7)  # docs/api.md promises it


def ring(*, now: datetime, seconds: float) -> int:
    """One ring of beat: the tick, waiting inside its interval for what falls due. How many deadlines were done."""
    heartbeats.beat(heartbeats.BEAT, now=now)
    heartbeats.beat(heartbeats.worker(), now=now)
    return tick.run(now=now, until=now + timedelta(seconds=seconds * _LOOKAHEAD))


def keep_house(*, now: datetime) -> None:
    """Delete what has ended and chain what was audited. Twice is safe. A part that fails is logged, and the others are
    done: a mail that cannot be made must not leave the audit without its chain."""
    parts: tuple[Callable[[], object], ...] = (
        lambda: audit.seal(now=now),
        SessionStore.clear_expired,
        lambda: throttle.prune(now=now),
        lambda: ending_tokens.tell(now=now),
        lambda: password_links.prune(now=now),
        lambda: quarantine.prune(now=now),
        lambda: Idempotency.objects.filter(at__lt=now - ANSWERS_KEPT).delete(),
        lambda: Heartbeat.objects.filter(at__lt=now - FORGET_AFTER).exclude(name__in=REMEMBERED).delete(),
    )
    for part in parts:
        try:
            part()
        except Exception:
            logger.exception("A part of housekeeping failed; the others are done.")


class Watch:
    """The keeper's judgement: tick when nobody else does, and go on each interval until somebody else has again."""

    def __init__(self, *, grace: float, interval: float) -> None:
        self._grace = timedelta(seconds=grace)
        self._interval = timedelta(seconds=interval)
        self._mine: datetime | None = None
        self._alarmed = False

    def alarm(self) -> None:
        """Whoever ticks has died: the next look is due whatever the last tick's age."""
        self._alarmed = True

    def is_due(self, *, last: datetime | None, now: datetime) -> bool:
        """Whether to tick now, `last` being the last completed tick of anybody."""
        if last is None or self._alarmed:
            return True
        return now - last >= (self._interval if last == self._mine else self._grace)

    def is_mine(self, last: datetime | None) -> bool:
        """Whether the last tick was our own: nobody else ticks."""
        return last is not None and last == self._mine

    def ticked(self, last: datetime | None) -> None:
        """Remember the tick just done as our own."""
        self._mine, self._alarmed = last, False
