"""The throttle: it slows the guesser and nobody else (S11)."""

from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory

from people import throttle
from people.models import Throttle
from tests.people.factories import PASSWORD, make_user
from tests.people.moments import T0

pytestmark = pytest.mark.django_db


def tries(times: int, email: str = "sarah@example.org", address: str = "192.0.2.1", now=T0) -> list[bool]:
    request = RequestFactory(REMOTE_ADDR=address).post("/sign-in/")
    return [throttle.take(request, email, now=now) for _ in range(times)]


def test_the_sixth_failure_for_an_account_from_an_address_is_refused_unread() -> None:
    user = make_user(password=PASSWORD)
    client = Client(REMOTE_ADDR="192.0.2.1")
    post = {"login": user.email, "password": "not the password"}

    codes = [client.post("/sign-in/", post).status_code for _ in range(6)]
    right = client.post("/sign-in/", post | {"password": PASSWORD})

    assert codes == [422] * 5 + [429]
    assert right.status_code == 429
    assert b"Wait five minutes" in right.content
    assert right.headers["Retry-After"] == "300"


def test_an_unknown_account_is_throttled_just_the_same() -> None:
    client = Client(REMOTE_ADDR="192.0.2.1")

    codes = [
        client.post("/sign-in/", {"login": "nobody@example.org", "password": "guess"}).status_code
        for _ in range(6)
    ]

    assert codes == [422] * 5 + [429]


def test_the_person_signs_in_from_elsewhere_while_somebody_guesses() -> None:
    user = make_user(password=PASSWORD)
    guesser, owner = Client(REMOTE_ADDR="192.0.2.1"), Client(REMOTE_ADDR="198.51.100.9")
    for _ in range(40):
        guesser.post("/sign-in/", {"login": user.email, "password": "guess"})

    answer = owner.post("/sign-in/", {"login": user.email, "password": PASSWORD})

    assert answer.status_code == 302


def test_one_address_cannot_walk_through_many_accounts() -> None:
    allowed = [tries(1, email=f"person{n}@example.org")[0] for n in range(throttle.ADDRESS.failures + 5)]

    assert allowed.count(True) == throttle.ADDRESS.failures
    assert tries(1, email="someone@example.org", address="192.0.2.2") == [True]


def test_many_addresses_cannot_walk_through_one_account_but_its_own_browser_gets_in() -> None:
    user = make_user(password=PASSWORD)
    response = HttpResponse()
    throttle.remember_device(response, user)
    for n in range(throttle.ACCOUNT.failures):
        tries(1, email=user.email, address=f"10.0.{n // 250}.{n % 250}")

    stranger = tries(1, email=user.email, address="203.0.113.5")
    known = RequestFactory(REMOTE_ADDR="203.0.113.5").post("/sign-in/")
    known.COOKIES = {name: morsel.value for name, morsel in response.cookies.items()}

    assert stranger == [False]
    assert throttle.take(known, user.email, now=T0)


def test_a_device_cookie_is_worth_nothing_for_another_account_or_when_made_up() -> None:
    user, other = make_user(), make_user("Dana")
    response = HttpResponse()
    throttle.remember_device(response, user)
    tries(5, email=other.email)
    request = RequestFactory(REMOTE_ADDR="192.0.2.1").post("/sign-in/")

    for value in (response.cookies.popitem()[1].value, "made:up"):
        request.COOKIES = {"desk-device": value}
        assert not throttle.take(request, other.email, now=T0)


def test_the_window_ends_and_the_count_begins_again() -> None:
    assert tries(6)[-1] is False

    later = T0 + throttle.PAIR.per

    assert tries(1, now=later - timedelta(seconds=1)) == [False]
    assert tries(1, now=later) == [True]


def test_success_gives_back_what_it_took() -> None:
    request = RequestFactory(REMOTE_ADDR="192.0.2.1").post("/sign-in/")
    for _ in range(12):
        assert throttle.take(request, "sarah@example.org", now=T0)
        throttle.give_back(request, "sarah@example.org")

    assert sum(Throttle.objects.values_list("count", flat=True)) == 0


def test_a_whole_ipv6_network_counts_as_one_address() -> None:
    assert tries(5, address="2001:db8::1") == [True] * 5

    assert tries(1, address="2001:db8::ffff") == [False]
    assert tries(1, address="2001:db8:0:1::1") == [True]


def test_behind_a_proxy_the_address_is_the_one_the_proxy_wrote(settings) -> None:
    settings.BEHIND_PROXY = True

    def take(forwarded: str) -> bool:
        request = RequestFactory(REMOTE_ADDR="10.0.0.1").post("/", headers={"X-Forwarded-For": forwarded})
        return throttle.take(request, "sarah@example.org", now=T0)

    assert [take(f"1.1.1.{n}, 192.0.2.9") for n in range(6)] == [True] * 5 + [False]
    assert take("192.0.2.10")


def test_counts_stand_in_the_database_under_digests_and_are_pruned() -> None:
    tries(1)

    keys = list(Throttle.objects.values_list("key", flat=True))
    gone = throttle.prune(now=T0 + throttle.ACCOUNT.per + timedelta(seconds=1))

    assert len(keys) == 3
    assert all(len(key) == 64 for key in keys)
    assert gone == 3
