"""Sign-ins and how long they last (RBAC-20, S13), seen through the site and in the rows."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import include, path

from people import access, accounts
from people.models import Session, User
from people.sessions import ABSOLUTE, IDLE, IDLE_TRUSTED, SessionStore
from tests.people.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


@access.signed_in
def seen(request: HttpRequest) -> HttpResponse:
    """A page, and the poll of one."""
    return HttpResponse("seen")


urlpatterns = [
    path("", include("people.urls")),
    path("room/", seen),
    path("room/live/", seen),
    path("desk/live/", seen),
]

HOUR = timedelta(hours=1)


def signed_in(client: Client, *, remember: bool = True) -> tuple[User, Session]:
    user = make_user(password=PASSWORD)
    client.post(
        "/sign-in/", {"login": user.email, "password": PASSWORD} | ({"remember": "on"} if remember else {})
    )
    return user, Session.objects.get(user=user)


def age(session: Session, *, unused: timedelta, old: timedelta | None = None) -> Session:
    """Make the row as it would stand `unused` after its last use and `old` after its beginning."""
    back = old if old is not None else unused
    idle = IDLE_TRUSTED if session.trusted else IDLE
    session.created_at -= back
    session.last_seen -= unused
    session.expire_date = min(session.last_seen + idle, session.created_at + ABSOLUTE)
    session.save()
    return session


@pytest.mark.ledger("RBAC-20")
def test_a_trusted_device_stays_signed_in_for_thirty_days_without_use(browser: Client) -> None:
    _, session = signed_in(browser)

    assert session.expire_date - session.last_seen == timedelta(days=30)
    age(session, unused=timedelta(days=30) - HOUR)
    assert browser.get("/account/").status_code == 200
    session.refresh_from_db()
    age(session, unused=timedelta(days=30))
    assert browser.get("/account/").status_code == 302


@pytest.mark.ledger("RBAC-20")
def test_after_ninety_days_in_all_the_password_is_asked_however_much_it_was_used(browser: Client) -> None:
    _, session = signed_in(browser)
    age(session, unused=2 * HOUR, old=timedelta(days=89, hours=23))

    browser.get("/account/")
    session.refresh_from_db()

    assert session.expire_date - session.created_at == timedelta(days=90)
    age(session, unused=HOUR, old=2 * HOUR)
    assert browser.get("/account/").status_code == 302


def test_a_device_that_is_not_trusted_is_forgotten_after_half_a_day_and_with_the_browser(
    browser: Client,
) -> None:
    _, session = signed_in(browser, remember=False)

    assert session.expire_date - session.last_seen == timedelta(hours=12)
    assert browser.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == ""


@pytest.mark.ledger("RBAC-20")
def test_an_ordinary_request_extends_the_session_at_most_once_an_hour(browser: Client) -> None:
    _, session = signed_in(browser)
    seen = age(session, unused=timedelta(minutes=59)).last_seen

    browser.get("/account/")
    session.refresh_from_db()
    assert session.last_seen == seen

    age(session, unused=timedelta(minutes=2))
    browser.get("/account/")
    session.refresh_from_db()
    assert session.last_seen > seen
    assert session.expire_date == session.last_seen + IDLE_TRUSTED


@pytest.mark.ledger("RBAC-20")
@pytest.mark.urls("tests.people.test_sessions")
@pytest.mark.parametrize(
    ("path", "extends"), [("/room/", True), ("/room/live/", False), ("/desk/live/", False)]
)
def test_a_poll_never_extends_a_session_and_a_page_does(browser: Client, path: str, extends: bool) -> None:
    _, session = signed_in(browser)
    age(session, unused=timedelta(hours=5))
    before = Session.objects.values().get(pk=session.pk)

    answer = browser.get(path, headers={"HX-Request": "true"})

    assert answer.content == b"seen"
    assert (Session.objects.values().get(pk=session.pk) != before) is extends


def test_reading_a_session_that_is_fresh_costs_one_statement(browser: Client) -> None:
    signed_in(browser)

    with CaptureQueriesContext(connection) as asked:
        browser.get("/account/")

    assert sum("people_session" in query["sql"] and "session_data" in query["sql"] for query in asked) == 2
    assert not any(query["sql"].startswith("UPDATE") for query in asked)


def test_writing_to_a_session_that_was_ended_meanwhile_does_not_bring_it_back(browser: Client) -> None:
    user, session = signed_in(browser)
    late = SessionStore(session.session_key)
    late["draft"] = "text"

    accounts.end_sessions(user)

    with pytest.raises(UpdateError):
        late.save()
    assert not Session.objects.filter(pk=session.pk).exists()


def test_giving_the_password_again_changes_the_key_but_not_the_ninety_days(browser: Client) -> None:
    user, session = signed_in(browser)
    began = age(session, unused=timedelta(minutes=30), old=timedelta(days=60)).created_at

    answer = browser.post("/account/confirm/", {"password": PASSWORD, "next": "/account/tokens/"})

    renewed = Session.objects.get(user=user)
    assert answer.headers["Location"] == "/account/tokens/"
    assert renewed.session_key != session.session_key
    assert renewed.created_at == began


def test_a_removed_person_is_out_with_the_next_request(browser: Client) -> None:
    """S8: the page, and what its poll would be told."""
    user, _ = signed_in(browser)

    accounts.set_active(user, False)

    assert browser.get("/account/").status_code == 302
    assert browser.get("/account/", headers={"HX-Request": "true"}).status_code == 401
    assert not Session.objects.filter(user=user).exists()


def test_put_out_by_the_row_alone_is_out_as_well(browser: Client) -> None:
    """S8: the row is read on every request; no session remembers that somebody was active."""
    user, _ = signed_in(browser)

    User.objects.filter(pk=user.pk).update(is_active=False)

    assert browser.get("/account/").status_code == 302


def test_roles_count_from_the_next_request_on(browser: Client) -> None:
    """S8."""
    admin = make_user(roles=["admin"], password=PASSWORD)
    browser.post("/sign-in/", {"login": admin.email, "password": PASSWORD})
    assert browser.get("/administration/").status_code == 200

    User.objects.filter(pk=admin.pk).update(roles=["engineer"])

    assert browser.get("/administration/").status_code == 404


def test_a_lost_session_sends_the_page_to_the_sign_in_and_back_to_where_it_was(browser: Client) -> None:
    answer = browser.get(
        "/account/",
        headers={"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1/incidents/INC-2026-0042/?x=1"},
    )

    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in/?next=%2Fincidents%2FINC-2026-0042%2F"
    assert answer.content == b""


def test_everybody_lists_and_ends_their_own_sign_ins_and_nobody_elses(browser: Client) -> None:
    user, here = signed_in(browser)
    phone = Client(headers={"User-Agent": "Mozilla/5.0 (iPhone) Safari/605"})
    phone.post("/sign-in/", {"login": user.email, "password": PASSWORD})
    there = Session.objects.filter(user=user).exclude(pk=here.pk).get()
    _, strangers = signed_in(Client())

    page = browser.get("/account/").content.decode()
    browser.post("/account/sessions/", {"session": str(strangers.uid)})
    browser.post("/account/sessions/", {"session": str(there.uid)})

    assert "Safari on iPhone" in page
    assert there.session_key not in page and here.session_key not in page
    assert phone.get("/account/").status_code == 302
    assert browser.get("/account/").status_code == 200
    assert Session.objects.filter(pk=strangers.pk).exists()


def test_a_new_password_ends_every_other_sign_in(browser: Client) -> None:
    user, _ = signed_in(browser)
    other = Client()
    other.post("/sign-in/", {"login": user.email, "password": PASSWORD})

    refused = browser.post("/account/password/", {"old": PASSWORD, "new": "too short"})
    answer = browser.post("/account/password/", {"old": PASSWORD, "new": "another night at sea"})

    assert (refused.status_code, answer.status_code) == (422, 302)
    assert browser.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302


def test_signed_in_answers_are_private_never_stored_and_vary(browser: Client) -> None:
    """S30."""
    signed_in(browser)

    for headers in ({}, {"HX-Request": "true"}, {"HX-Request": "true", "HX-History-Restore-Request": "true"}):
        answer = browser.get("/account/", headers=headers)

        assert answer.headers["Cache-Control"] == "private, no-store"
        varies = {name.strip() for name in answer.headers["Vary"].split(",")}
        assert {"HX-Request", "HX-History-Restore-Request", "Cookie"} <= varies


def test_ended_sessions_are_pruned_and_live_ones_stay(browser: Client) -> None:
    _, live = signed_in(browser)
    _, ended = signed_in(Client())
    age(ended, unused=timedelta(days=31))

    gone = SessionStore.clear_expired()

    assert gone == 1
    assert list(Session.objects.all()) == [live]
