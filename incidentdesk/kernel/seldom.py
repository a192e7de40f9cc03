"""A line of the log that would come every second comes once a minute."""

import logging
import threading
import time
from typing import Final

PAUSE_SECONDS: Final = 60.0
_LIMIT: Final = 1_000


class Seldom:
    """Lets each key through once in a pause. Of very many different keys the oldest are forgotten."""

    def __init__(self, seconds: float = PAUSE_SECONDS) -> None:
        self._seconds = seconds
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def may(self, key: str) -> bool:
        """Whether it is time for this key again; if so, its pause begins now."""
        at = time.monotonic()
        with self._lock:
            if at - self._last.get(key, float("-inf")) < self._seconds:
                return False
            self._last.pop(key, None)
            self._last[key] = at
            if len(self._last) > _LIMIT:
                self._last.pop(next(iter(self._last)))
            return True


class RefusalsOnceAMinute(logging.Filter):
    """Lets one answer of each status from 400 to 499 into the log a minute, as a line without a traceback: strangers choose
    how many there are, and with what words. The security audit counts those that matter; errors of our own (500 and above)
    all pass, whole."""

    def __init__(self) -> None:
        super().__init__()
        self._seldom = Seldom()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether no answer with this status was heard of lately."""
        status = getattr(record, "status_code", 0)
        if not 400 <= status < 500:
            return True
        record.exc_info = record.exc_text = None
        return self._seldom.may(f"{record.name} {status}")


class OnceAMinute(logging.Filter):
    """Lets a message of a library through once a minute, whatever its arguments."""

    def __init__(self) -> None:
        super().__init__()
        self._seldom = Seldom()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this message was not heard lately."""
        return self._seldom.may(str(record.msg))
