"""Migrations wait for locks in short steps and say whose: a long wait would hold up everybody who comes after it."""

import threading
import time
from collections.abc import Callable
from typing import Final

from django.db import OperationalError, connections

from incidentdesk.kernel import trouble

PATIENCE_SECONDS: Final = 300.0
PAUSE_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.5
_BLOCKERS = """
SELECT DISTINCT b.pid, b.application_name, b.usename
FROM unnest(pg_blocking_pids(%s)) AS p(pid) JOIN pg_stat_activity b ON b.pid = p.pid ORDER BY b.pid
"""
Say = Callable[[str], None]


class StillLocked(Exception):
    """Somebody held a lock for as long as we waited."""


def patiently(
    work: Callable[[], object], *, using: str, say: Say, patience: float = PATIENCE_SECONDS
) -> None:
    """Do `work` on the connection `using`, again as long as it only waits for locks. Raises StillLocked after `patience`
    seconds; anything else that `work` raises rises at once. What is done before stays done, migration by migration."""
    until = time.monotonic() + patience
    while True:
        try:
            with _Watch(using, say):
                work()
            return
        except OperationalError as error:
            if not trouble.is_lock_wait(error):
                raise
            if time.monotonic() > until:
                raise StillLocked(
                    f"A table was locked for {patience:g} s. Migrations that were finished are kept. "
                    "Stop web, worker, beat and keeper and run migrate again."
                ) from error
        connections[using].close()
        time.sleep(PAUSE_SECONDS)


class _Watch:
    """Looks from a connection of its own whom the work waits for, and says each once."""

    def __init__(self, using: str, say: Say) -> None:
        self._using, self._say = using, say
        self._over = threading.Event()
        self._said: set[int] = set()

    def __enter__(self) -> None:
        held = connections[self._using]
        held.ensure_connection()
        self._pid = held.connection.info.backend_pid
        self._thread = threading.Thread(target=self._look, daemon=True, name="blockers")
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5)

    def _look(self) -> None:
        try:
            while not self._over.wait(LOOK_SECONDS):
                with connections[self._using].cursor() as cursor:
                    cursor.execute(_BLOCKERS, [self._pid])
                    for pid, name, role in cursor.fetchall():
                        if pid not in self._said:
                            self._said.add(pid)
                            self._say(
                                f"Waiting for a lock held by {name or 'a session'} (process {pid}, role {role})."
                            )
        except OperationalError:  # the work itself meets the same and says so
            return
        finally:
            connections[self._using].close()
