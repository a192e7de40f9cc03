"""Signs of life: who was alive when, and how far each host's clock is off."""

import os
import socket
import time
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max

from desk.models import Heartbeat
from incidentdesk.kernel import sql

TICK: Final = "tick"
BEAT: Final = "beat"
KEEPER: Final = "keeper"
WORKER: Final = "worker@"
"""What the names of all workers begin with; host and process id follow."""

_SQL = """
INSERT INTO desk_heartbeat AS h (name, at, pid, host, "offset", note) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET at = EXCLUDED.at, pid = EXCLUDED.pid, host = EXCLUDED.host, "offset" = EXCLUDED."offset",
  note = EXCLUDED.note
WHERE h.at < EXCLUDED.at
"""
_CLAIM = _SQL.replace("h.at < EXCLUDED.at", "h.at <= %s RETURNING name")


def beat(name: str, *, now: datetime, note: str = "") -> None:
    """Say that `name` is alive at `now`. One statement; an older beat never covers a newer one."""
    sql.run(_SQL, _row(name, now, note))


def claim(name: str, *, every: timedelta, now: datetime) -> bool:
    """Whether it is ours to do `name` now, which is done once in `every` whoever asks. One statement."""
    return bool(sql.run(_CLAIM, [*_row(name, now, ""), now - every]))


def _row(name: str, now: datetime, note: str) -> list[object]:
    offset = time.time() - now.timestamp()  # noqa: TID251  (this very difference is what is wanted)
    return [name, now, os.getpid(), socket.gethostname()[:120], offset, note[:1000]]


def worker() -> str:
    """The name of this process as a worker."""
    return f"{WORKER}{socket.gethostname()}:{os.getpid()}"[:80]


def last(name: str) -> datetime | None:
    """When `name` was last alive; None when it never was."""
    return Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()


def latest(beginning: str) -> datetime | None:
    """When any of those whose names begin so was last alive; None when none ever was."""
    found: datetime | None = Heartbeat.objects.filter(name__startswith=beginning).aggregate(at=Max("at"))[
        "at"
    ]
    return found
