"""Signing in and out: what is said, what is kept, and who may use the one-click way."""

import itertools
import re
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from people import accounts
from people.models import Session, User
from tests.people.factories import PASSWORD, make_user
from tests.people.timing import widest_gap

pytestmark = pytest.mark.django_db

SIGN_IN = "/sign-in/"


def sign_in(client: Client, email: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post(SIGN_IN, {"login": email, "password": password, **more})


def words(body: bytes) -> str:
    """A page's text without what differs from one rendering to the next."""
    return re.sub(r'(csrfmiddlewaretoken|nonce)[^>]*|value="[^"]*"', "", body.decode())


def test_the_right_password_signs_in_and_goes_where_the_person_was_going(browser: Client) -> None:
    user = make_user(password=PASSWORD)

    answer = sign_in(browser, user.email.upper(), next="/account/")

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/account/"
    assert browser.get("/account/").status_code == 200


@pytest.mark.parametrize(
    "next_page", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_the_way_back_never_leaves_the_desk(browser: Client, next_page: str) -> None:
    user = make_user(password=PASSWORD)

    answer = sign_in(browser, user.email, next=next_page)

    assert answer.headers["Location"] == "/"


def test_unknown_wrong_put_out_and_machine_are_told_the_same(browser: Client) -> None:
    """S12: nobody learns from the answer who exists here."""
    known = make_user(password=PASSWORD)
    put_out = make_user(password=PASSWORD)
    accounts.set_active(put_out, False)
    machine = make_user(password=PASSWORD, is_machine=True)

    answers = [
        sign_in(browser, known.email, "not the password"),
        sign_in(browser, "nobody@example.org", "not the password"),
        sign_in(browser, put_out.email),
        sign_in(browser, machine.email),
    ]

    assert {answer.status_code for answer in answers} == {422}
    assert len({words(answer.content) for answer in answers}) == 1
    assert b"do not match" in answers[0].content


def test_an_unknown_person_takes_as_long_as_a_wrong_password() -> None:
    """S12: one password is hashed either way."""
    user = make_user(password=PASSWORD)
    addresses = (f"198.51.{n // 250}.{n % 250}" for n in itertools.count())

    def fail(email: str) -> None:
        sign_in(Client(REMOTE_ADDR=next(addresses)), email, "not the password")

    ways = {"wrong": partial(fail, user.email), "unknown": partial(fail, "nobody@example.org")}

    assert widest_gap(ways, samples=11, rounds=6, within=0.1) < 0.1


def test_a_new_session_id_is_given_at_sign_in_so_a_planted_one_is_worth_nothing(browser: Client) -> None:
    """S13: fixation."""
    user = make_user(password=PASSWORD)
    planted = browser.session
    planted["planted"] = "yes"
    planted.save()
    browser.cookies[settings.SESSION_COOKIE_NAME] = planted.session_key

    sign_in(browser, user.email)

    now_key = browser.cookies[settings.SESSION_COOKIE_NAME].value
    assert now_key != planted.session_key
    assert not Session.objects.filter(session_key=planted.session_key).exists()
    assert "planted" not in browser.session


def test_signing_out_ends_the_session_on_the_server(browser: Client) -> None:
    user = make_user(password=PASSWORD)
    sign_in(browser, user.email)
    stolen = Client()
    stolen.cookies[settings.SESSION_COOKIE_NAME] = browser.cookies[settings.SESSION_COOKIE_NAME].value
    assert stolen.get("/account/").status_code == 200

    browser.post("/sign-out/")

    assert not Session.objects.filter(user=user).exists()
    assert stolen.get("/account/").status_code == 302


def test_nothing_is_changed_by_a_get(browser: Client) -> None:
    """S14: mail scanners and prefetching browsers open links."""
    browser.force_login(make_user())

    answers = {
        name: browser.get(reverse(f"people:{name}")).status_code
        for name in ("sign_out", "demo_sign_in", "preferences", "password", "sessions")
    }

    assert set(answers.values()) == {405}


def test_every_post_wants_the_csrf_token() -> None:
    """S14."""
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_user())
    posts = [
        "sign_in",
        "demo_sign_in",
        "sign_out",
        "confirm",
        "preferences",
        "password",
        "sessions",
        "tokens",
        "revoke_token",
    ]

    answers = {name: strict.post(reverse(f"people:{name}")).status_code for name in posts}

    assert set(answers.values()) == {403}


def test_the_csrf_token_may_come_in_a_header(browser: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    user = make_user()
    strict.force_login(user)
    page = strict.get("/account/").content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token

    answer = strict.post("/account/preferences/", {"theme": "dark"}, headers={"X-CSRFToken": token[1]})

    assert answer.status_code == 302
    user.refresh_from_db()
    assert (user.theme, user.shortcuts) == ("dark", False)


def test_a_preference_that_does_not_exist_changes_nothing(browser: Client) -> None:
    user = make_user()
    browser.force_login(user)

    answer = browser.post("/account/preferences/", {"theme": "pink"})

    user.refresh_from_db()
    assert answer.status_code == 422
    assert (user.theme, user.shortcuts) == ("auto", True)


def test_there_is_no_sign_up_and_no_other_way_in(browser: Client) -> None:
    for path in (
        "/accounts/signup/",
        "/accounts/login/",
        "/signup/",
        "/sign-up/",
        "/accounts/password/reset/",
    ):
        assert browser.get(path).status_code == 404


class TestDemoSignIn:
    """decisions.md 6: one click, for the demonstration's people, on this machine alone."""

    def click(self, client: Client, user: User, **more: str) -> int:
        return client.post("/sign-in/demo/", {"person": str(user.uid)}, **more).status_code

    def test_one_click_signs_in_a_demonstration_person(self, browser: Client) -> None:
        user = make_user("Priya Nair", is_demo=True)

        page = browser.get(SIGN_IN)
        code = self.click(browser, user)

        assert b"Priya Nair" in page.content
        assert code == 302
        assert browser.get("/account/").status_code == 200

    @pytest.mark.parametrize(
        "header",
        ["HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_HOST", "HTTP_VIA"],
    )
    def test_a_forwarded_request_is_refused(self, browser: Client, header: str) -> None:
        user = make_user("Priya Nair", is_demo=True)

        assert self.click(browser, user, **{header: "127.0.0.1"}) == 404
        assert b"Priya Nair" not in browser.get(SIGN_IN, **{header: "127.0.0.1"}).content

    def test_another_host_or_sender_is_refused(self, browser: Client) -> None:
        user = make_user("Priya Nair", is_demo=True)

        assert self.click(browser, user, SERVER_NAME="testserver") == 404
        assert self.click(browser, user, REMOTE_ADDR="192.0.2.7") == 404

    @pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "127.0.0.1"])
    def test_each_way_to_name_this_machine_is_known(self, browser: Client, host: str) -> None:
        user = make_user("Priya Nair", is_demo=True)

        assert self.click(browser, user, HTTP_HOST=host) == 302

    def test_nobody_else_can_be_signed_in_as(self, browser: Client) -> None:
        real = make_user("Sarah", password=PASSWORD)
        put_out = make_user("Priya", is_demo=True)
        accounts.set_active(put_out, False)

        assert self.click(browser, real) == 404
        assert self.click(browser, put_out) == 404
        assert browser.post("/sign-in/demo/", {"person": "not a uid"}).status_code == 404
