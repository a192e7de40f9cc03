"""A database knows the installation it belongs to. A copy of it, or an older state of it, sends nothing by itself.

A restored database holds messages and deadlines whose effects are long in the world. So whoever would send or fire asks
`may_act` first, and where the database finds itself elsewhere everything waits until `manage.py resume`.
"""

import json
import logging
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from django.conf import settings

from incidentdesk.kernel import sql
from incidentdesk.kernel.stamps import Stamp, moment, stamp

SEEN: Final = settings.DATA_DIR / "last-seen"
"""The last instant at which this host's keeper saw the database, kept outside it."""
SLACK: Final = timedelta(minutes=2)
"""A failover may lose the last seconds; that is no older state."""

_LOOK = "SELECT mark, seen_at, held_since, why FROM incidents_installation"
_ADOPT = """
INSERT INTO incidents_installation (id, mark, seen_at, why) VALUES (1, %s, %s, '') ON CONFLICT (id) DO NOTHING
"""
_HOLD = "UPDATE incidents_installation SET held_since = %s, why = %s WHERE held_since IS NULL"
_SEE = "UPDATE incidents_installation SET seen_at = greatest(seen_at, %s) WHERE held_since IS NULL"
_RELEASE = "UPDATE incidents_installation SET mark = %s, seen_at = %s, held_since = NULL, why = ''"
_PLACE = """
SELECT (SELECT system_identifier FROM pg_control_system())::text,
  (SELECT oid FROM pg_database WHERE datname = current_database())::text
"""
_WORDS: Final = {
    "cluster": "It runs in another PostgreSQL cluster than before.",
    "database": "It was restored into a new database.",
    "address": "The host in BASE_URL is another one than before.",
    "folder": "Its data folder was copied or moved.",
}
_places: WeakKeyDictionary[Any, tuple[str, str]] = WeakKeyDictionary()
logger = logging.getLogger(__name__)


def may_act(*, now: datetime) -> bool:
    """Whether deadlines may fire and messages may leave. `now` is aware UTC.

    One statement. Notices by itself that the database is a copy, and holds everything from then on.
    """
    found = sql.run(_LOOK)
    if not found:
        sql.run(_ADOPT, [_mark(), now])
        return True
    mark, seen_at, held_since, _ = found[0]
    if held_since is not None:
        return False
    why = _strangeness(mark, seen_at)
    if why:
        sql.run(_HOLD, [now, why])
        logger.error("Nothing is sent and no deadline fires until `manage.py resume`. %s", why)
    return not why


def held() -> str:
    """Why everything is held, a sentence or more; empty when nothing is. One statement."""
    found = sql.run(_LOOK)
    return found[0][3] if found and found[0][2] is not None else ""


def see(*, now: datetime) -> None:
    """Remember inside and outside the database that this host saw it at `now`, so that an older state of it is noticed."""
    sql.run(_SEE, [now])
    fresh = SEEN.with_suffix(".new")
    fresh.write_text(stamp(now))
    fresh.replace(SEEN)


def release(*, now: datetime) -> None:
    """From now on this database belongs here: its clocks fire and its messages leave."""
    sql.run(_ADOPT, [_mark(), now])
    sql.run(_RELEASE, [_mark(), now])
    SEEN.unlink(missing_ok=True)


def _strangeness(mark: str, seen_at: datetime) -> str:
    before, here = json.loads(mark), json.loads(_mark())
    words = [sentence for part, sentence in _WORDS.items() if before.get(part) != here.get(part)]
    last = _last_seen()
    if last is not None and last > seen_at + SLACK:
        words.append("It holds an older state than the one seen here last.")
    return " ".join(words)


def _last_seen() -> datetime | None:
    try:
        return moment(Stamp(SEEN.read_text()))
    except (OSError, ValueError):  # there is none, or a full disk has cut it off
        return None


def _mark() -> str:
    """Where the database is: its cluster and itself, the host that people use, and an embedded one's folder."""
    cluster, database = _place()
    address = urlsplit(settings.BASE_URL).hostname or ""
    folder = str(settings.DATA_DIR) if settings.EMBEDDED else ""
    return json.dumps({"cluster": cluster, "database": database, "address": address, "folder": folder})


def _place() -> tuple[str, str]:
    # Reading the control file costs a fifth of a millisecond, and a connection never changes its database.
    raw = sql.connection()
    if raw not in _places:
        _places[raw] = sql.run(_PLACE)[0][:2]
    return _places[raw]
