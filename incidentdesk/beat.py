"""Celery's scheduler, but for the ten milliseconds before each ring, which it spends asking whether it is time yet."""

from celery.beat import Scheduler


class Steady(Scheduler):
    """Sleeps until the very instant. A ring a hair too late is late by less than what the early wakening was for, and
    the counting down took a third of what an idle desk takes."""

    def adjust(self, n: float, drift: float = 0.0) -> float:
        """The seconds to wait, unshortened; `drift` (by default 10 ms less in Celery) is not taken off."""
        return n
