"""A worker that is alive and hears nothing ends itself, so that it is started again (F8).

After a broken connection a worker may go on without ever taking a task again, and look healthy to everybody. Redis serves
those who wait for work in turn; so a worker that gets none while others do, or while work lies in the queue, is deaf.
"""

import logging
import os
import threading
import time
from datetime import timedelta
from typing import Any, Final

from celery import current_app
from celery.signals import task_postrun, task_prerun
from django.conf import settings
from django.db import DatabaseError, connection

from desk import heartbeats
from incidentdesk.kernel import clock

LOOKS: Final = 3  # in its time of patience
EXIT_CODE: Final = 75  # EX_TEMPFAIL: another start may well help
logger = logging.getLogger(__name__)


class Hearing:
    """What a worker knows of its own ears. Times are seconds of the monotonic clock."""

    def __init__(self, patience: float, *, at: float) -> None:
        self._patience, self._heard, self._running = patience, at, 0
        self._lock = threading.Lock()

    def began(self, *, at: float) -> None:
        """A task of ours began."""
        with self._lock:
            self._running, self._heard = self._running + 1, at

    def ended(self, *, at: float) -> None:
        """A task of ours ended."""
        with self._lock:
            self._running, self._heard = max(0, self._running - 1), at

    def is_deaf(self, *, at: float, waiting: int | None, others: bool) -> bool:
        """Whether nothing has been heard for longer than patience lasts, although there was something to hear.

        `waiting` tasks lie in the queue, None when Redis does not answer, which is no fault of our ears and starts the
        time anew. `others`: another worker has had tasks meanwhile.
        """
        with self._lock:
            if waiting is None:
                self._heard = at
            return not self._running and at - self._heard > self._patience and bool(waiting or others)


def patience() -> float:
    """For how many seconds a worker may hear nothing; where ticks are rare, longer than the setting says."""
    return max(settings.WORKER_DEAF_SECONDS, 5 * settings.TICK_SECONDS)


def watch(**_: Any) -> None:
    """Watch this worker from now on, in a thread of its own."""
    hearing = Hearing(patience(), at=time.monotonic())
    task_prerun.connect(lambda **_: hearing.began(at=time.monotonic()), weak=False)
    task_postrun.connect(lambda **_: hearing.ended(at=time.monotonic()), weak=False)
    threading.Thread(target=_listen, args=(hearing,), daemon=True, name="hearing").start()


def _listen(hearing: Hearing) -> None:
    while True:
        time.sleep(patience() / LOOKS)
        waiting = _waiting()
        if hearing.is_deaf(at=time.monotonic(), waiting=waiting, others=_others()):
            logger.error("This worker hears nothing although there is work. It ends, to be started again.")
            # What it holds is leased or uncommitted; a stuck consumer would not let it end in any other way.
            os._exit(EXIT_CODE)


def _waiting() -> int | None:
    try:
        with current_app.connection_for_write() as broker:
            queue = current_app.conf.task_default_queue
            # Not `passive`, which takes an empty queue for one that does not exist.
            channel: Any = broker.default_channel  # its type is that of all brokers and knows too little
            return int(channel.queue_declare(queue).message_count)
    except Exception:  # whatever Redis or its client says: it is not our hearing that fails
        return None


def _others() -> bool:
    """Whether any worker has run a ring of beat lately; had it been this one, nobody would ask."""
    try:
        rung = heartbeats.last(heartbeats.BEAT)
        return rung is not None and clock.now() - rung < timedelta(seconds=patience() / LOOKS)
    except DatabaseError:
        return False
    finally:
        connection.close()
