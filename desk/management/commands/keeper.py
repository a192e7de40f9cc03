"""`manage.py keeper`: the process without a broker that ticks when nobody else does."""

import logging
import signal
import threading
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from comms import delivery
from desk import heartbeats, rounds, silence, tick
from desk.house.parts import ALARM
from incidentdesk.kernel import clock, leaving

STOP: Final = (signal.SIGTERM, signal.SIGINT)
LAST_WORDS: Final = 5.0  # seconds that what is being sent has to end in
SILENCES: Final = 3  # after so many times its grace without a ring it tells the administrators

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    """Watches the age of the last tick and steps in after KEEPER_GRACE_SECONDS, delivering too; at once on an alarm."""

    help = "Tick and deliver whenever nobody else has for a few seconds. Needs no Redis."
    requires_system_checks = ()
    _delivering: threading.Thread | None = None
    _since: datetime | None = None  # since when nobody else has ticked, as far as it saw

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._wake = threading.Event()

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop."""
        watch = rounds.Watch(grace=settings.KEEPER_GRACE_SECONDS, interval=settings.TICK_SECONDS)
        pause = min(1.0, settings.TICK_SECONDS, settings.KEEPER_GRACE_SECONDS / 4)
        self._listen(watch)
        while not leaving.asked():
            try:
                connection.close_if_unusable_or_obsolete()
                self._look(watch)
            except DatabaseError as error:
                logger.warning(
                    "The database does not answer (%s); the keeper goes on trying.", type(error).__name__
                )
                self._since = None
                connection.close()
            except Exception:  # a fault of one round must not take the last process that ticks
                logger.exception("A round of the keeper failed; it goes on trying.")
            self._wake.wait(pause)
            self._wake.clear()
        if self._delivering is not None:
            self._delivering.join(LAST_WORDS)

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
        if (beaten := heartbeats.last("keeper")) is None or (
            now - beaten
        ).total_seconds() >= settings.HEARTBEAT_SECONDS:
            heartbeats.beat("keeper", now=now)
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

    def _deliver(self) -> None:
        # Beside the ticks: a receiver that hangs must not hold up the deadlines.
        if self._delivering is None or not self._delivering.is_alive():
            self._delivering = threading.Thread(target=_deliver_once, daemon=True)
            self._delivering.start()


def _deliver_once() -> None:
    try:
        delivery.deliver(clock.now)
    except DatabaseError as error:
        logger.warning(
            "Delivery stopped (%s); what is left goes out with the next round.", type(error).__name__
        )
    finally:
        connection.close()
