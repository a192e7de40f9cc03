"""Logs that stay small while their writers run. A writer keeps its file open, so what is full is copied aside and emptied."""

import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

LIMIT: Final = 5 * 1024 * 1024
LOOK_EVERY: Final = 1.0
_PIECE: Final = 1024 * 1024


class Logs:
    """Every `*.log` of some folders: past LIMIT bytes its end becomes `*.log.1`, and it begins anew.

    The writers append (O_APPEND), so they go on at the new end. What they write between copy and cut, some
    milliseconds, is lost.
    """

    def __init__(self, folders: Iterable[Path] = (), *, limit: int = LIMIT) -> None:
        self.folders = list(folders)
        self._limit = limit
        self._next = 0.0

    def look(self, *, at: float | None = None) -> list[Path]:
        """Look at most once a second; which logs began anew. Never raises: a log is not worth a desk."""
        at = time.monotonic() if at is None else at
        if at < self._next:
            return []
        self._next = at + LOOK_EVERY
        return [log for folder in self.folders for log in sorted(folder.glob("*.log")) if self._rotate(log)]

    def _rotate(self, log: Path) -> bool:
        try:
            # The folder of the servers belongs to their own user, who may not lead root to another file by a link.
            source = os.open(log, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            status = os.fstat(source)
            if not stat.S_ISREG(status.st_mode) or status.st_size <= self._limit:
                return False
            self._copy(source, status, log.with_suffix(".log.1"))
            os.ftruncate(source, 0)
            return True
        except OSError:
            return False
        finally:
            os.close(source)

    def _copy(self, source: int, status: os.stat_result, aside: Path) -> None:
        """The last LIMIT bytes; on a full disk nothing, since the log must be cut all the same."""
        try:
            aside.unlink(missing_ok=True)
            target = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IMODE(status.st_mode))
        except OSError:
            return
        try:
            place = max(0, status.st_size - self._limit)
            while piece := os.pread(source, _PIECE, place):
                place += os.write(target, piece)
        except OSError:
            aside.unlink(missing_ok=True)
        finally:
            os.close(target)
