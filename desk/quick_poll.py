"""The poll that finds nothing new, or news that others have just been told, answered at the door by one prepared
statement, before Django makes a request of it.

The statement checks everything that a page checks: a live session, an active person, the right to see, and where the
cursor stands. Whatever is neither "nothing newer" nor an answer that is made for all who see the same (`shared_poll`)
goes on, untouched, to the ordinary stack and its view, which answers for itself: a refusal, an ended session, news, a
database that is away.
"""

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.http import HttpRequest, parse_cookie
from django.middleware.csrf import get_token
from django.template import Context

from desk import shared_poll
from desk.heartbeats import TICK
from desk.templatetags.ids import with_ids
from incidentdesk.kernel import sql
from incidentdesk.kernel.http import VARY
from incidentdesk.kernel.stamps import stamp
from oncall import unattached
from people.roles import Role

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

LIVE = "/live/"
DESK = LIVE
ROOM = re.compile(r"/incidents/((?:INC-\d{4}|DRILL)-\d{4,9})/live/", re.ASCII)
SECRET = re.compile(r"[A-Za-z0-9]{32}", re.ASCII)  # the cookie behind every form's token
# Regions for the page's script, never a page of their own: nothing in them runs or loads.
NEWS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Vary", ", ".join(VARY)),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
# What the page's script sends; whatever differs goes the long way.
AFTER = re.compile(r"after=(\w+)", re.ASCII)

WHO = "FROM people_session s JOIN people_user u ON u.id = s.user_id"
LIVE_SESSION = """
WHERE s.session_key = %s AND s.expire_date > now() AND u.is_active AND u.sees_room
"""
TICKED = f"(SELECT at FROM desk_heartbeat WHERE name = '{TICK}')"  # noqa: S608  (a constant of our own)
ROOM_SQL = f"""
SELECT clock_timestamp(), {TICKED}, i.rev::text, i.uid::text, u.id, array_to_string(u.roles, ','), u.zone
{WHO}
LEFT JOIN incidents_incident i ON i.key = %s AND i.status <> 'closed'
{LIVE_SESSION}
"""
# Every open incident with its cursor and the warnings without one, and whether anything changed since: a text of fixed
# length. Administrators also see lines from a dozen places, which no poll can ask each time: theirs are a minute old at most.
BOARD = f"""
(SELECT md5(coalesce(string_agg(i.id || ':' || i.rev, ',' ORDER BY i.id), '') || ' ' || ({unattached.CURSOR}))
FROM incidents_incident i WHERE i.status NOT IN ('resolved', 'closed') AND i.time = 'wall')
|| CASE WHEN '{Role.ADMIN}' = ANY(u.roles) THEN 'm' || floor(extract(epoch FROM now()) / 60) ELSE '' END
"""  # noqa: S608  (texts of our own)
DESK_SQL = f"SELECT clock_timestamp(), {TICKED}, {BOARD} {WHO} {LIVE_SESSION}"
CURSOR_SQL = f"SELECT {BOARD} FROM people_user u WHERE u.id = %s"  # noqa: S608  (texts of our own)


class QuickPoll:
    """A WSGI application around the ordinary one: answers the polls it can, everything else goes on."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer what can be answered at once."""
        if environ["PATH_INFO"].endswith(LIVE) and environ["REQUEST_METHOD"] == "GET":
            known = answer(environ)
            if known is not None:
                status, headers, body = known
                start_response(status, headers)
                return body
        return self._application(environ, start_response)


def answer(environ: Environ) -> tuple[str, Headers, tuple[bytes, ...]] | None:
    """Status, headers and body where nothing is newer than what the page has, or where others have just been told the
    same news; None when the ordinary stack is to say."""
    asked = AFTER.fullmatch(environ.get("QUERY_STRING", ""))
    path = environ["PATH_INFO"]
    room = ROOM.fullmatch(path)
    if asked is None or (room is None and path != DESK):
        return None
    cookies = parse_cookie(environ.get("HTTP_COOKIE", ""))
    session = cookies.get(settings.SESSION_COOKIE_NAME)
    if not session:
        return None
    try:
        # As Django before a request: then the connection is looked at.
        connections[DEFAULT_DB_ALIAS].close_if_unusable_or_obsolete()
        rows = sql.run(ROOM_SQL, (room[1], session)) if room else sql.run(DESK_SQL, (session,))
    except Error:
        return None  # the ordinary stack says what is wrong
    if not rows or rows[0][2] is None:
        return None
    now, tick, cursor = rows[0][:3]
    headers = [
        ("Desk-Now", stamp(now)),
        ("Desk-Tick", stamp(tick) if tick else ""),
        ("Cache-Control", "private, no-store"),
    ]
    if cursor == asked[1]:
        return "204 No Content", headers, ()
    told = _told(asked[1], rows[0], cookies) if room else None
    return None if told is None else ("200 OK", [*headers, ("Desk-Rev", cursor), *NEWS], (told,))


def _told(after: str, row: Sequence[Any], cookies: dict[str, str]) -> bytes | None:
    """The news of a room as others have been told them, with this reader's fields in the forms; None where there is no
    such answer, or not for this reader."""
    _, _, cursor, uid, user, roles, zone = row
    if not after.isdigit() or len(after) > 9:
        return None
    known = shared_poll.answers.find(shared_poll.Asked(uid, int(cursor), int(after), roles, zone))
    if known is None or not known.is_for(user):
        return None
    if len(known.parts) == 1:
        return known.parts[0].encode()
    secret = cookies.get(settings.CSRF_COOKIE_NAME, "")
    if not SECRET.fullmatch(secret):
        return None
    request = HttpRequest()
    request.META["CSRF_COOKIE"] = secret
    fields = Context({"csrf_token": get_token(request), "new_id": uuid.uuid4, "seen_upto": known.upto})
    return with_ids(known.parts, fields).encode()


def board_cursor(viewer: int) -> str:
    """The cursor of this person's desk page as it stands."""
    return str(sql.run(CURSOR_SQL, [viewer])[0][0])
