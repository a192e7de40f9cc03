"""The poll that finds nothing new, answered at the door by one prepared statement, before Django makes a request of it.

The statement checks everything that a page checks: a live session, an active person, the right to see, and where the
cursor stands. Whatever is not exactly "nothing newer" goes on, untouched, to the ordinary stack and its view, which
answers for itself: a refusal, an ended session, news, a database that is away.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.http import parse_cookie

from desk.heartbeats import TICK
from incidentdesk.kernel import sql
from incidentdesk.kernel.stamps import stamp

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

LIVE = "/live/"
DESK = LIVE
ROOM = re.compile(r"/incidents/((?:INC-\d{4}|DRILL)-\d{4,9})/live/", re.ASCII)
# What the page's script sends; whatever differs goes the long way.
AFTER = re.compile(r"after=(\w+)", re.ASCII)

WHO = """
FROM people_session s JOIN people_user u ON u.id = s.user_id
WHERE s.session_key = %s AND s.expire_date > now() AND u.is_active AND u.sees_room
"""
TICKED = f"(SELECT at FROM desk_heartbeat WHERE name = '{TICK}')"  # noqa: S608  (a constant of our own)
ROOM_SQL = f"""
SELECT clock_timestamp(), {TICKED}, (SELECT i.rev FROM incidents_incident i
  WHERE i.key = %s AND i.status <> 'closed')::text
{WHO}
"""  # noqa: S608  (only constants are put in)
# Every open incident with its cursor, and whether anything changed since: a text of fixed length.
BOARD = """
SELECT md5(coalesce(string_agg(i.id || ':' || i.rev, ',' ORDER BY i.id), '')) FROM incidents_incident i
WHERE i.status NOT IN ('resolved', 'closed') AND i.time = 'wall'
"""
DESK_SQL = f"SELECT clock_timestamp(), {TICKED}, ({BOARD}) {WHO}"


class QuickPoll:
    """A WSGI application around the ordinary one: 204 for a poll without news, everything else goes on."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer what can be answered at once."""
        if environ["PATH_INFO"].endswith(LIVE) and environ["REQUEST_METHOD"] == "GET":
            headers = unchanged(environ)
            if headers is not None:
                start_response("204 No Content", headers)
                return ()
        return self._application(environ, start_response)


def unchanged(environ: Environ) -> Headers | None:
    """The headers of the answer that nothing is newer than what the page has; None when the ordinary stack is to say."""
    asked = AFTER.fullmatch(environ.get("QUERY_STRING", ""))
    path = environ["PATH_INFO"]
    room = ROOM.fullmatch(path)
    if asked is None or (room is None and path != DESK):
        return None
    session = parse_cookie(environ.get("HTTP_COOKIE", "")).get(settings.SESSION_COOKIE_NAME)
    if not session:
        return None
    try:
        # As Django before a request: then the connection is looked at.
        connections[DEFAULT_DB_ALIAS].close_if_unusable_or_obsolete()
        rows = sql.run(ROOM_SQL, (room[1], session)) if room else sql.run(DESK_SQL, (session,))
    except Error:
        return None  # the ordinary stack says what is wrong
    if not rows or rows[0][2] != asked[1]:
        return None
    now, tick, _ = rows[0]
    return [
        ("Desk-Now", stamp(now)),
        ("Desk-Tick", stamp(tick) if tick else ""),
        ("Cache-Control", "private, no-store"),
    ]


def board_cursor() -> str:
    """The cursor of the desk page as it stands."""
    return str(sql.run(BOARD)[0][0])
