"""Threads that do the work, a few for each kind of caller, so that no kind can hold up another."""

import logging
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Final

Job = Callable[[], None]

MOST_WAITING: Final = 4_000  # jobs of one lane; behind so many nobody waits for an answer any more
logger = logging.getLogger(__name__)


class Lane:
    """A queue and the threads that work on it, first come first served. Threads end with the process."""

    def __init__(self, name: str, threads: int) -> None:
        self._waiting: SimpleQueue[Job] = SimpleQueue()
        for number in range(threads):
            Thread(target=self._work, name=f"{name}-{number + 1}", daemon=True).start()

    def put(self, job: Job) -> bool:
        """Have it done; False when the lane is too long for that."""
        if self._waiting.qsize() >= MOST_WAITING:
            return False
        self._waiting.put(job)
        return True

    def _work(self) -> None:
        while True:
            try:
                self._waiting.get()()
            except Exception:
                # A job answers for its own errors; a lane never loses a thread.
                logger.exception("A request broke outside of the application.")
