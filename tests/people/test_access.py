"""Every address says who may use it, and administration asks for the password again."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import get_resolver, path

from people import access, checks, sudo
from people.middleware import SignInRequired
from people.rights import Right
from tests.people.factories import PASSWORD, make_user
from tests.people.moments import T0


def silent(request: HttpRequest) -> HttpResponse:
    """A view that forgot to say who may use it."""
    return HttpResponse("secret")


urlpatterns = [path("forgotten/", silent)]


def test_every_url_declares_its_access() -> None:
    """S1."""
    assert access.undeclared() == []


def test_a_url_that_declares_nothing_keeps_the_desk_from_starting(settings) -> None:
    """S1."""
    settings.ROOT_URLCONF = __name__

    found = checks.every_url_declares_its_access()

    assert [error.id for error in found] == ["people.E001"]
    assert "/forgotten/" in found[0].msg


@pytest.mark.ledger("RBAC-20")
def test_every_view_that_is_not_declared_open_asks_for_a_sign_in() -> None:
    """S1: walked over the whole of the site, each view as a stranger would come to it."""
    stranger = RequestFactory().get("/somewhere/")
    stranger.user = AnonymousUser()
    door = SignInRequired(lambda _: HttpResponse())

    lets_in = {
        route
        for route, view in access.views(get_resolver())
        if not access.asks_for_itself(view) and door.process_view(stranger, view, (), {}) is None
    }

    opened = {r for r, view in access.views(get_resolver()) if access.declared(view).startswith("open")}
    assert lets_in == opened
    assert {"sign-in/", "sign-in/demo/", "sign-out/"} <= opened


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("roles", "code"),
    [
        (["engineer"], 200),
        (["manager"], 200),
        (["executive"], 404),
        (["spectator"], 404),
        (["client_contact"], 404),
    ],
)
def test_the_war_room_does_not_exist_for_who_may_not_enter_it(roles: list[str], code: int) -> None:
    request = RequestFactory().get("/")
    request.user = make_user(roles=roles)
    view = access.room(lambda _: HttpResponse("room"))

    try:
        found = view(request).status_code
    except access.Http404:
        found = 404

    assert found == code


@pytest.mark.django_db
def test_a_refusal_by_role_names_who_can_help() -> None:
    request = RequestFactory().get("/")
    request.user = make_user(roles=["spectator"])

    answer = access.needs(Right.PROPOSE_SEVERITY)(silent)(request)

    assert answer.status_code == 403
    assert b"You cannot propose a severity: that is for the Incident Commander" in answer.content


@pytest.mark.django_db
@pytest.mark.ledger("RBAC-20")
def test_the_password_counts_as_given_for_fifteen_minutes(browser: Client) -> None:
    request = RequestFactory().get("/")
    request.session = browser.session

    sudo.grant(request, now=T0)

    assert sudo.holds(request, now=T0 + timedelta(minutes=15))
    assert not sudo.holds(request, now=T0 + timedelta(minutes=15, seconds=1))
    assert not sudo.holds(request, now=T0 - timedelta(seconds=1))


@pytest.mark.django_db
@pytest.mark.ledger("RBAC-20")
def test_the_administration_asks_for_the_password_again(browser: Client) -> None:
    admin = make_user(roles=["admin"], password=PASSWORD)
    browser.force_login(admin)

    asked = browser.get("/administration/people/user/")
    browser.post("/account/confirm/", {"password": PASSWORD})
    opened = browser.get("/administration/people/user/")

    assert asked.headers["Location"].startswith("/account/confirm/?next=%2Fadministration")
    assert opened.status_code == 200


@pytest.mark.django_db
def test_the_link_for_a_new_password_in_the_administration_leads_to_the_account(browser: Client) -> None:
    admin = make_user(roles=["admin"], password=PASSWORD)
    browser.post("/sign-in/", {"login": admin.email, "password": PASSWORD})
    page = browser.get("/administration/", follow=True).content.decode()

    answer = browser.get("/administration/password_change/")

    assert 'href="/administration/password_change/"' in page
    assert answer.headers["Location"] == "/account/"


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["manager", "ic", "engineer", "executive", "spectator"])
def test_the_administration_does_not_exist_for_anybody_else(browser: Client, role: str) -> None:
    user = make_user(roles=[role], password=PASSWORD)
    browser.post("/sign-in/", {"login": user.email, "password": PASSWORD})

    assert browser.get("/administration/").status_code == 404
    assert browser.get("/administration/people/user/").status_code == 404


@pytest.mark.django_db
def test_the_administration_has_no_sign_in_of_its_own(browser: Client) -> None:
    answer = browser.get("/administration/login/?next=/administration/")

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in/")


def settings_of(base_url: str) -> dict[str, object]:
    """The cookie settings of a process started with this address."""
    names = [
        f"{cookie}_COOKIE_{part}"
        for cookie in ("SESSION", "CSRF")
        for part in ("NAME", "SECURE", "HTTPONLY", "SAMESITE")
    ]
    code = f"import json; from incidentdesk import settings as s; print(json.dumps({{n: getattr(s, n) for n in {names}}}))"
    environment = {**os.environ, "BASE_URL": base_url, "DESK_PROCESS": "command"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_over_https_cookies_are_bound_to_the_host_secure_and_closed_to_scripts() -> None:
    """S14."""
    found = settings_of("https://desk.example.org")

    for cookie in ("SESSION", "CSRF"):
        assert str(found[f"{cookie}_COOKIE_NAME"]).startswith("__Host-")
        assert found[f"{cookie}_COOKIE_SECURE"] is True
        assert found[f"{cookie}_COOKIE_HTTPONLY"] is True
        assert found[f"{cookie}_COOKIE_SAMESITE"] == "Lax"


def test_over_http_on_this_machine_cookies_have_plain_names_and_stay_closed_to_scripts() -> None:
    """S14; a browser would drop a `__Host-` cookie that is not Secure."""
    found = settings_of("http://127.0.0.1:8000")

    for cookie in ("SESSION", "CSRF"):
        assert not str(found[f"{cookie}_COOKIE_NAME"]).startswith("__")
        assert found[f"{cookie}_COOKIE_SECURE"] is False
        assert found[f"{cookie}_COOKIE_HTTPONLY"] is True
        assert found[f"{cookie}_COOKIE_SAMESITE"] == "Lax"
