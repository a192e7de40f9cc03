"""A poll without news costs one statement and no request; everything else gets the very answer it would have had."""

import os
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from django.conf import settings
from django.db import Error, InterfaceError, OperationalError, connection, connections
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext

from desk import heartbeats
from desk.board.load import board
from desk.quick_poll import QuickPoll, answer
from incidentdesk.kernel import clock
from incidentdesk.kernel.postgresql.base import DatabaseWrapper
from incidents.models import Incident
from people.models import Session, User
from tests.desk.test_room import led
from tests.door import Door, signed_in
from tests.factories import T0, commander, do, minutes
from tests.people.factories import make_user
from tests.running import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def alex() -> User:
    return make_user("Alex Kim", roles=("engineer",))


@pytest.fixture
def incident(alex: User) -> Incident:
    return led(commander("Sarah Okafor"), alex)


def room(incident: Incident, after: object = None) -> str:
    return f"/incidents/{incident.key}/live/?after={incident.rev if after is None else after}"


def desk(user: User) -> str:
    return f"/live/?after={board(user).cursor}"


@pytest.mark.parametrize("page", ["room", "desk"])
def test_a_poll_without_news_costs_one_statement_and_never_becomes_a_request(
    incident: Incident, alex: User, page: str
) -> None:
    now = clock.now()
    heartbeats.beat(heartbeats.TICK, now=now)
    browser = signed_in(alex)
    address = room(incident) if page == "room" else desk(alex)

    with CaptureQueriesContext(connection) as asked:
        answer = browser.get(address)

    assert (answer.status_code, answer.content, browser.quick) == (204, b"", 1)
    assert len(asked) == 1
    assert answer["Desk-Now"] >= answer["Desk-Tick"] == now.isoformat(timespec="microseconds")[:26] + "Z"
    assert answer["Cache-Control"] == "private, no-store"
    assert "Set-Cookie" not in answer


def test_the_door_and_the_view_say_the_same_where_nothing_is_new(incident: Incident, alex: User) -> None:
    door, stack = signed_in(alex), Client()
    stack.force_login(alex)

    for address in (room(incident), desk(alex)):
        quick, slow = door.get(address), stack.get(address)
        assert (quick.status_code, quick.content) == (slow.status_code, slow.content) == (204, b"")
        assert quick["Cache-Control"] == slow["Cache-Control"]
        assert {"Desk-Now", "Desk-Tick"} <= set(slow.headers)
    assert door.quick == 2


def _spectator(user: User, session: str) -> None:
    user.roles = ["spectator"]
    user.save()


def _removed(user: User, session: str) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def _expired(user: User, session: str) -> None:
    Session.objects.filter(pk=session).update(expire_date=F("last_seen") - timedelta(days=99))


def _ended(user: User, session: str) -> None:
    Session.objects.filter(pk=session).delete()


@pytest.mark.ledger("RBAC-20")
@pytest.mark.parametrize("page", ["room", "desk"])
@pytest.mark.parametrize("loses", [_spectator, _removed, _expired, _ended])
def test_who_lost_the_right_gets_the_answer_of_the_ordinary_stack_at_the_next_poll(
    incident: Incident, alex: User, loses: Any, page: str
) -> None:
    door, stack = signed_in(alex), Client()
    stack.cookies = door.cookies
    address = room(incident) if page == "room" else desk(alex)
    assert door.get(address).status_code == 204

    loses(alex, door.cookies[settings.SESSION_COOKIE_NAME].value)
    refused, ordinary = door.get(address), stack.get(address)

    assert door.quick == 1
    assert refused.status_code == ordinary.status_code == (404 if loses is _spectator else 401)
    assert refused.content == ordinary.content
    assert set(refused.headers) == set(ordinary.headers)


def test_news_a_closed_incident_and_the_cookie_of_somebody_who_may_not_see_it_go_on(
    incident: Incident, alex: User
) -> None:
    door, another = signed_in(alex), signed_in(make_user("Kim Contact", roles=("client_contact",)))
    stale = room(incident, incident.rev - 1)

    assert door.get(stale).status_code == 200
    assert (another.get(room(incident)).status_code, another.quick) == (404, 0)
    assert Door().get(room(incident)).status_code == 401  # nor without any cookie
    do(incident, "closures", User.objects.get(name="Sarah Okafor"), T0 + minutes(3), note="a false alarm")
    incident.refresh_from_db()
    assert door.get(room(incident)).status_code == 286
    assert door.quick == 0


@pytest.mark.parametrize(
    "query",
    ["", "after=", "after=x&after={rev}", "after={rev}&x=1", "x=1&after={rev}", "after=%00", "after=%D9%A3", "AFTER={rev}"],
)  # fmt: skip
def test_a_query_that_the_page_does_not_send_is_for_the_view(
    incident: Incident, alex: User, query: str
) -> None:
    door = signed_in(alex)

    answer = door.get(f"/incidents/{incident.key}/live/", QUERY_STRING=query.format(rev=incident.rev))

    assert door.quick == 0
    assert answer.status_code in (200, 204)


@pytest.mark.parametrize("method", ["post", "head", "put", "delete", "options"])
def test_only_get_is_answered_at_the_door(incident: Incident, alex: User, method: str) -> None:
    door = signed_in(alex)

    getattr(door, method)(room(incident))

    assert door.quick == 0


@pytest.mark.parametrize(
    "path", ["/incidents/{key}/summary/live/", "//live/", "/x/live/", "/incidents/INC-2026-1/live/", "/x{room}",
             "{room}live/", "/incidents/INC-٢٠٢٦-0001/live/"],
)  # fmt: skip
def test_no_other_address_is_answered_at_the_door(incident: Incident, alex: User, path: str) -> None:
    """Whatever cursor it comes with, that of the room or that of the desk, and though the session is a good one."""
    cookie = f"{settings.SESSION_COOKIE_NAME}={signed_in(alex).cookies[settings.SESSION_COOKIE_NAME].value}"
    theirs = room(incident).partition("?")[0]
    cursors = {theirs: incident.rev, "/live/": board(alex).cursor}

    def answered(at: str, cursor: object) -> bool:
        told = {"PATH_INFO": at, "QUERY_STRING": f"after={cursor}", "HTTP_COOKIE": cookie}
        return answer(told) is not None

    with patch.object(DatabaseWrapper, "close_if_unusable_or_obsolete"):
        assert all(answered(at, cursor) for at, cursor in cursors.items())
        other = path.format(key=incident.key, room=theirs)
        assert not any(answered(other, cursor) for cursor in cursors.values())


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("fails", ["close_if_unusable_or_obsolete", "bare"])
def test_a_database_that_is_away_is_for_the_stack_to_tell(
    incident: Incident, alex: User, fails: str, error: type[Error]
) -> None:
    cookie = f"{settings.SESSION_COOKIE_NAME}={signed_in(alex).cookies[settings.SESSION_COOKIE_NAME].value}"
    path, _, query = room(incident).partition("?")
    told = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_COOKIE": cookie}

    with (
        patch.object(DatabaseWrapper, "close_if_unusable_or_obsolete"),
        patch.object(DatabaseWrapper, fails, side_effect=error("gone")),
    ):
        assert answer(told) is None


@pytest.mark.parametrize(
    "cookie", ["", "{name}=", "{name}=%00", "{name}=a\0b", "x; {name}=ü; y", "{name}=" + "a" * 9000]
)
def test_a_cookie_that_opens_nothing_goes_on(incident: Incident, alex: User, cookie: str) -> None:
    path, _, query = room(incident).partition("?")
    told = {"PATH_INFO": path, "QUERY_STRING": query,
            "HTTP_COOKIE": cookie.format(name=settings.SESSION_COOKIE_NAME)}  # fmt: skip

    with patch.object(DatabaseWrapper, "close_if_unusable_or_obsolete"):
        assert answer(told) is None


@pytest.mark.django_db(transaction=True)
def test_a_server_that_hung_up_between_two_polls_is_met_anew_by_the_second(
    incident: Incident, alex: User
) -> None:
    """The thread's connection is found dead before the statement is sent, and replaced (F9)."""
    browser = signed_in(alex)
    path, _, query = room(incident).partition("?")
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
    told = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_COOKIE": cookie}
    assert answer(told) is not None

    hang_up()

    assert answer(told) is not None


def hang_up() -> None:
    pid = connections["default"].connection.info.backend_pid
    with psycopg.connect(os.environ["DESK_TEST_ROOT_URL"], autocommit=True) as root:
        root.execute("SELECT pg_terminate_backend(%s)", [pid])
        wait_until(
            lambda: root.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() is None,
            within=5,
            what="the session to end",
        )


def test_a_poll_that_the_door_cannot_judge_reaches_the_stack_with_nothing_taken_away() -> None:
    seen: list[dict[str, Any]] = []
    environ = {"PATH_INFO": "/live/", "REQUEST_METHOD": "GET", "QUERY_STRING": "after=1", "kept": object()}
    before = dict(environ)

    def ordinary(given: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(given)
        return [b"the view's own"]

    assert QuickPoll(ordinary)(environ, None) == [b"the view's own"]  # type: ignore[arg-type]
    assert seen == [before]
