"""Celery's scheduler, but for the ten milliseconds before each ring, which it spends asking whether it is time yet, and
for a page of log for every ring that Redis does not take."""

import logging
from typing import Any

from celery.beat import Scheduler

from incidentdesk.kernel.seldom import Seldom

logger = logging.getLogger(__name__)
seldom = Seldom()


class Steady(Scheduler):
    """Sleeps until the very instant. A ring a hair too late is late by less than what the early wakening was for, and
    the counting down took a third of what an idle desk takes."""

    def adjust(self, n: float, drift: float = 0.0) -> float:
        """The seconds to wait, unshortened; `drift` (by default 10 ms less in Celery) is not taken off."""
        return n

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send one ring. Where Redis is away one line a minute says so; the keeper does the work meanwhile."""
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except Exception as error:  # whatever the broker's client raises: the next ring tries again
            if seldom.may(type(error).__name__):
                logger.error("Redis takes no tasks, so the keeper ticks until it does: %s", error)
