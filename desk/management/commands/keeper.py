"""`manage.py keeper`: the process without a broker that ticks when nobody else does."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from comms import delivery
from desk import auditor, heartbeats, rounds, silence, tick
from desk.house.parts import ALARM
from incidentdesk.kernel import clock, leaving
from incidentdesk.kernel.seldom import Seldom

STOP: Final = (signal.SIGTERM, signal.SIGINT)
LAST_WORDS: Final = 5.0  # seconds that what is being sent has to end in
SILENCES: Final = 3  # after so many times its grace without a ring it tells the administrators

logger = logging.getLogger(__name__)
seldom = Seldom()


class Command(BaseCommand):
    """Watches the age of the last tick and steps in after KEEPER_GRACE_SECONDS, delivering too; at once on an alarm.

    Every AUDIT_SECONDS one keeper checks the whole desk.
    """

    help = "Tick and deliver whenever nobody else has for a few seconds. Needs no Redis."
    requires_system_checks = ()
    _since: datetime | None = None  # since when nobody else has ticked, as far as it saw
    _began: datetime | None = None  # since when it has had a database to look at

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._wake = threading.Event()
        self._work: dict[str, threading.Thread] = {}

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop."""
        watch = rounds.Watch(grace=settings.KEEPER_GRACE_SECONDS, interval=settings.TICK_SECONDS)
        pause = min(1.0, settings.TICK_SECONDS, settings.KEEPER_GRACE_SECONDS / 4)
        self._listen(watch)
        while not leaving.asked():
            try:
                connection.close_if_unusable_or_obsolete()
                self._look(watch)
                self._audit(now=clock.now())
            except DatabaseError as error:
                if seldom.may(type(error).__name__):
                    logger.warning(
                        "The keeper cannot work and goes on trying. The database: %s", _first(error)
                    )
                self._since = self._began = None
                connection.close()
            except Exception:  # a fault of one round must not take the last process that ticks
                logger.exception("A round of the keeper failed; it goes on trying.")
            self._wake.wait(pause)
            self._wake.clear()
        until = time.monotonic() + LAST_WORDS
        for work in self._work.values():
            work.join(max(0.0, until - time.monotonic()))

    def _listen(self, watch: rounds.Watch) -> None:
        # A thread waits for the signals, and no handler runs in the middle of anything.
        signal.pthread_sigmask(signal.SIG_BLOCK, {*STOP, ALARM})

        def hear() -> None:
            while signal.sigwait({*STOP, ALARM}) == ALARM:
                watch.alarm()
                self._wake.set()
            leaving.ask()
            self._wake.set()

        threading.Thread(target=hear, daemon=True, name="signals").start()

    def _look(self, watch: rounds.Watch) -> None:
        now = clock.now()
        if (beaten := heartbeats.last(heartbeats.KEEPER)) is None or (
            now - beaten
        ).total_seconds() >= settings.HEARTBEAT_SECONDS:
            heartbeats.beat(heartbeats.KEEPER, now=now)
        last = tick.last_at()
        if watch.is_due(last=last, now=now):
            tick.run(now=now, until=now)
            watch.ticked(tick.last_at())
            self._since = self._since or now
            silence.tell(
                now=now, since=self._since, after=SILENCES * timedelta(seconds=settings.KEEPER_GRACE_SECONDS)
            )
            self._deliver()
        elif not watch.is_mine(last):
            self._since = None

    def _audit(self, *, now: datetime) -> None:
        self._began = self._began or now
        # While a desk starts, not all of it is there yet.
        if now - self._began >= auditor.every() and auditor.is_due(now=now):
            self._start("audit", self._look_around)

    def _look_around(self) -> None:
        now = clock.now()
        if auditor.look(now=now, since=self._began or now):
            # What is late may be the very messages that would say so; this way needs no worker and no Redis.
            delivery.deliver(clock.now)

    def _deliver(self) -> None:
        self._start("deliver", lambda: delivery.deliver(clock.now))

    def _start(self, name: str, work: Callable[[], object]) -> None:
        # Beside the ticks: a receiver that hangs must not hold up the deadlines.
        if (running := self._work.get(name)) is None or not running.is_alive():
            self._work[name] = threading.Thread(target=_guarded, args=(name, work), daemon=True, name=name)
            self._work[name].start()


def _first(error: Exception) -> str:
    """The first line of what was said, which tells a missing table from a wrong password."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _guarded(name: str, work: Callable[[], object]) -> None:
    try:
        work()
    except DatabaseError as error:
        logger.warning("The keeper's %s stopped (%s); the next round goes on.", name, type(error).__name__)
    except Exception:
        logger.exception("The keeper's %s failed; the next round tries again.", name)
    finally:
        connection.close()
