"""The poll that finds nothing new, answered in the first middleware by one prepared statement.

The statement checks everything that a page checks: a live session, an active person, the right to see, and where the
cursor stands. Whatever is not exactly "nothing newer" falls through to the ordinary stack and its view.
"""

import re
from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.db.utils import DatabaseError
from django.http import HttpRequest, HttpResponse

from desk.heartbeats import TICK
from incidentdesk.kernel.stamps import stamp

ROOM = re.compile(r"^/incidents/((?:INC-\d{4}|DRILL)-\d{4,9})/live/$")
DESK = "/live/"
AFTER = re.compile(
    r"after=(\w+)", re.ASCII
)  # what the page's script sends; whatever differs is taken apart the long way

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
    """Middleware, the outermost: 204 for a poll without news, everything else goes on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer what can be answered at once."""
        path = request.path_info
        if path.endswith(DESK) and request.method == "GET":
            return _unchanged(request, path) or self.get_response(request)
        return self.get_response(request)


def _unchanged(request: HttpRequest, path: str) -> HttpResponse | None:
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    asked = AFTER.fullmatch(request.META.get("QUERY_STRING", ""))
    after = asked[1] if asked else request.GET.get("after")
    room = ROOM.match(path)
    if not session or not after or (room is None and path != DESK):
        return None
    try:
        row = _ask(ROOM_SQL, (room[1], session)) if room else _ask(DESK_SQL, (session,))
    except DatabaseError:
        return None  # the ordinary stack says what is wrong
    if row is None or row[2] != after:
        return None
    response = HttpResponse(status=204)
    response.headers["Desk-Now"] = stamp(row[0])
    response.headers["Desk-Tick"] = stamp(row[1]) if row[1] else ""
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _ask(sql: str, parameters: tuple[str, ...]) -> tuple[Any, ...] | None:
    """One prepared statement on the raw connection: Django's own cursor binds on this side and prepares nothing."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, parameters, prepare=True, binary=True)
        return cursor.fetchone()


def board_cursor() -> str:
    """The cursor of the desk page as it stands."""
    with connection.cursor() as cursor:
        cursor.execute(BOARD)
        return str(cursor.fetchone()[0])
