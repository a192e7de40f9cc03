"""Signs of life: who was alive when, and how far each host's clock is off."""

import os
import socket
import time
from datetime import datetime
from typing import Final

from desk.models import Heartbeat
from incidentdesk.kernel import sql

TICK: Final = "tick"
BEAT: Final = "beat"

_SQL = """
INSERT INTO desk_heartbeat AS h (name, at, pid, host, "offset") VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET at = EXCLUDED.at, pid = EXCLUDED.pid, host = EXCLUDED.host, "offset" = EXCLUDED."offset"
WHERE h.at < EXCLUDED.at
"""


def beat(name: str, *, now: datetime) -> None:
    """Say that `name` is alive at `now`. One statement; an older beat never covers a newer one."""
    offset = time.time() - now.timestamp()  # noqa: TID251  (this very difference is what is wanted)
    sql.run(_SQL, [name, now, os.getpid(), socket.gethostname()[:120], offset])


def last(name: str) -> datetime | None:
    """When `name` was last alive; None when it never was."""
    return Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
