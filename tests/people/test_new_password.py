"""What a new password ends beside other sign-ins: tokens and known browsers, unless the person keeps them."""

import io
from typing import Any

import pytest
from django.conf import settings
from django.core import signing
from django.core.management import call_command
from django.test import Client, RequestFactory

from incidentdesk.kernel import clock
from people import throttle, tokens
from people.models import ApiToken, User
from tests.people.factories import PASSWORD, make_user
from tests.people.moments import T0

pytestmark = pytest.mark.django_db

NEW = "another night at sea"


def signs_in(user: User, password: str = PASSWORD) -> Client:
    browser = Client(SERVER_NAME="127.0.0.1", REMOTE_ADDR="127.0.0.1")
    assert browser.post("/sign-in/", {"login": user.email, "password": password}).status_code == 302
    return browser


def changes(browser: Client, **kept: str) -> Any:
    return browser.post("/account/password/", {"old": PASSWORD, "new": NEW, **kept})


def is_known(browser: Client, user: User) -> bool:
    """Whether others' failures cannot stop this browser."""
    request = RequestFactory(REMOTE_ADDR="127.0.0.1").post("/sign-in/")
    request.COOKIES = {name: morsel.value for name, morsel in browser.cookies.items()}
    return throttle._buckets(request, user.email)[0].row.startswith("device.")


def lives(text: str) -> bool:
    return tokens.check(text, now=clock.now()) is not None


def test_a_new_password_ends_tokens_and_forgets_the_other_browsers() -> None:
    user, other = make_user(password=PASSWORD), make_user("Dana")
    text, _ = tokens.make(user, name="x", scopes=["incidents:read"], now=clock.now())
    theirs, _ = tokens.make(other, name="x", scopes=["incidents:read"], now=clock.now())
    elsewhere, here = signs_in(user), signs_in(user)
    page = here.get("/account/").content.decode()

    answer = changes(here)

    assert "Keep my 1 API token" in page and "Keep trusting my other browsers" in page
    assert answer.status_code == 302
    assert (lives(text), lives(theirs)) == (False, True)
    assert (is_known(elsewhere, user), is_known(here, user)) == (False, True)


def test_what_the_person_keeps_stays() -> None:
    user = make_user(password=PASSWORD)
    text, _ = tokens.make(user, name="x", scopes=["incidents:read"], now=clock.now())
    elsewhere, here = signs_in(user), signs_in(user)

    changes(here, keep_tokens="on", keep_devices="on")

    assert lives(text)
    assert is_known(elsewhere, user) and is_known(here, user)
    assert elsewhere.get("/account/").status_code == 302  # signed out all the same


@pytest.mark.parametrize("password", ["too short", "", "   "])
def test_a_password_that_is_refused_ends_nothing(password: str) -> None:
    user = make_user(password=PASSWORD)
    text, _ = tokens.make(user, name="x", scopes=["incidents:read"], now=clock.now())
    elsewhere, here = signs_in(user), signs_in(user)

    answer = here.post("/account/password/", {"old": PASSWORD, "new": password, "keep_tokens": "on"})

    assert answer.status_code == 422
    assert lives(text) and is_known(elsewhere, user)
    assert "checked" in answer.content.decode().split('name="keep_tokens"')[1].split(">")[0]


def test_without_a_token_nobody_is_asked_about_tokens() -> None:
    user = make_user(password=PASSWORD)
    _, ended = tokens.make(user, name="x", scopes=["incidents:read"], now=clock.now())
    tokens.revoke(ended, now=clock.now())

    assert "keep_tokens" not in signs_in(user).get("/account/").content.decode()


@pytest.mark.parametrize(("flags", "left"), [((), False), (("--keep-tokens", "--keep-devices"), True)])
def test_the_command_does_the_same(flags: tuple[str, ...], left: bool) -> None:
    user = make_user(password=PASSWORD)
    text, _ = tokens.make(user, name="x", scopes=["incidents:read"], now=clock.now())
    browser = signs_in(user)

    call_command("user", "--email", user.email, "--password", NEW, *flags, stdout=io.StringIO())

    assert (lives(text), is_known(browser, user)) == (left, left)


def test_a_cookie_of_the_time_before_is_known_until_the_password_changes() -> None:
    user = make_user(password=PASSWORD)
    request = RequestFactory(REMOTE_ADDR="127.0.0.1").post("/sign-in/")
    request.COOKIES = {settings.DEVICE_COOKIE_NAME: signing.dumps(str(user.uid), salt=throttle._SALT)}
    before = throttle._buckets(request, user.email)

    User.objects.update(device_epoch=1)
    after = throttle._buckets(request, user.email)

    assert (len(before), len(after)) == (1, 4)


def test_ended_tokens_keep_the_time_at_which_they_ended_first() -> None:
    user = make_user()
    _, row = tokens.make(user, name="x", scopes=["incidents:read"], now=T0)
    tokens.revoke(row, now=T0)

    assert tokens.revoke_all(user, now=T0) == 0
    assert ApiToken.objects.get().revoked_at == T0
