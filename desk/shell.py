"""What surrounds every page: who is signed in, how old the last tick is, what is red everywhere.

A context processor. It costs one statement, and only where a template asks for it (the regions of a poll do not).
"""

from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from desk.heartbeats import TICK
from desk.room.shapes import Link, Person, Shell
from desk.room.words import rough
from incidentdesk.kernel import sql
from incidents import installation
from people.models import User
from people.rights import Right, columns, may

TICK_LATE = timedelta(seconds=10)  # the page's script says the same between two pages (poll.js)
STANDING = """
SELECT clock_timestamp(), (SELECT at FROM desk_heartbeat WHERE name = %s), (
  SELECT key FROM incidents_incident WHERE unanswered AND NOT (status IN ('resolved', 'closed')) AND time = 'wall'
  ORDER BY opened_at LIMIT 1), (SELECT why FROM incidents_installation WHERE held_since IS NOT NULL)
"""
_ROOM = (Link("/", "Desk", "layout-list"), Link("/incidents/", "Incidents", "file-text"),
         Link("/runbooks/", "Runbooks", "list-checks"))  # fmt: skip
_OUTSIDE = (Link("/incidents/", "Incidents", "file-text"),)
_ADMIN = (Link("/administration/", "Administration", "shield-check"),)


def shell(request: HttpRequest) -> dict[str, Any]:
    """A context processor: `shell`, made when a template first asks."""
    return {"shell": SimpleLazyObject(lambda: of(request))}


def of(request: HttpRequest) -> Shell:
    """The surroundings of this request's page."""
    user = getattr(request, "user", None) or AnonymousUser()
    if not user.is_authenticated:
        return Shell(None, "auto", shortcuts=False, may_declare=False, tick_late=False, tick_age="",
                     held=_held(), pace=_pace(), sign_in_url=reverse("people:sign_in"))  # fmt: skip
    return _signed_in(cast(User, user), request.path)


def _signed_in(user: User, path: str) -> Shell:
    ((now, tick, red, held),) = sql.run(STANDING, [TICK])
    nav = (*(_ROOM if user.sees_room else _OUTSIDE), *(_ADMIN if user.is_staff else ()))
    red = red if user.sees_room else None
    return Shell(
        user=Person(str(user.uid), user.name, user.initials, you=True, note=user.role_words),
        theme=cast(Any, user.theme),
        shortcuts=user.shortcuts,
        may_declare=may(Right.DECLARE, columns(user.roles)),
        tick_late=tick is None or now - tick > TICK_LATE,
        tick_age=age(now, tick),
        red=f"Nobody answers the page of {red}." if red else "",
        red_url=f"/incidents/{red}/" if red else "",
        held=held or "",
        pace=_pace(),
        demo="Demonstration data." if settings.DEMO else "",
        sign_in_url=reverse("people:sign_in"),
        sign_out_url=reverse("people:sign_out"),
        preferences_url=reverse("people:preferences"),
        sessions_url=reverse("people:account"),
        nav=nav,
        here=path if any(link.url == path for link in nav) else "",
    )


def _held() -> str:
    """Why nothing leaves, for a page that may be the only one which still works."""
    try:
        return installation.held()
    except DatabaseError:
        return ""


def age(now: datetime, tick: datetime | None) -> str:
    """How long ago the last tick was, in words; nothing where there was none. Both are aware UTC."""
    return "" if tick is None else rough(max(0.0, (now - tick).total_seconds()))


def _pace() -> str:
    if settings.MINUTE_SECONDS == 60:
        return ""
    return f"A protocol minute lasts {settings.MINUTE_SECONDS:g} s here."
