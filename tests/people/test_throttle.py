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
    assert b"Wait 5 minutes" in right.content
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

    rows = list(Throttle.objects.values_list("key", "bucket"))
    gone = throttle.prune(now=T0 + throttle.ACCOUNT.per + timedelta(seconds=1))

    assert {row.split(".")[0] for row, _ in rows} == {"pair", "site-pair", "address", "account"}
    assert all(len(bucket) == 64 and "sarah" not in row and "192.0" not in row for row, bucket in rows)
    assert gone == 4


@pytest.mark.parametrize("failures", [101, 500])
def test_failures_from_one_address_shut_an_account_out_for_nobody_else(failures: int) -> None:
    user = make_user(password=PASSWORD)
    guesser, owner = Client(REMOTE_ADDR="192.0.2.1"), Client(REMOTE_ADDR="198.51.100.9")
    for _ in range(failures):
        guesser.post("/sign-in/", {"login": user.email, "password": "guess"})

    answer = owner.post("/sign-in/", {"login": user.email, "password": PASSWORD})

    assert answer.status_code == 302


def test_an_address_that_goes_on_for_hours_does_not_use_up_the_account() -> None:
    """Five in five minutes would be 60 an hour; two such addresses would fill the account's hundred."""
    for minute in range(0, 60, 5):
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"):
            tries(6, address=address, now=T0 + timedelta(minutes=minute))

    assert tries(1, address="203.0.113.5", now=T0 + timedelta(minutes=59)) == [True]


def test_a_customer_with_a_whole_ipv6_site_counts_as_one() -> None:
    """65,536 networks of a /48 are one customer's to choose from; they neither fill an account nor walk through many."""
    guesses = [tries(1, address=f"2001:db8:1:{n:x}::1")[0] for n in range(150)]
    walks = [tries(1, email=f"person{n}@example.org", address=f"2001:db8:2:{n:x}::1")[0] for n in range(200)]

    assert guesses.count(True) == throttle.SITE_PAIR.failures
    assert walks.count(True) == throttle.SITE.failures
    assert tries(1, address="2001:db8:3::1") == [True]


def test_a_refused_try_is_counted_nowhere_and_leaves_no_row() -> None:
    tries(5)
    before = list(Throttle.objects.order_by("key").values())

    assert tries(20) == [False] * 20
    assert list(Throttle.objects.order_by("key").values()) == before


def test_made_up_accounts_leave_no_rows_once_the_address_is_full() -> None:
    for n in range(throttle.ADDRESS.failures):
        tries(1, email=f"made-up-{n}@example.org")
    before = Throttle.objects.count()

    for n in range(300):
        tries(1, email=f"another-{n}@example.org")

    assert Throttle.objects.count() == before


def test_the_table_has_an_upper_bound_whoever_sends_what(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers from everywhere, each with an account of their own, share a fixed number of rows."""
    monkeypatch.setattr(throttle, "SLOTS", 16)

    for n in range(400):
        tries(1, email=f"made-up-{n}@example.org", address=f"10.{n // 250}.{n % 250}.7")
        tries(1, email=f"made-up-{n}@example.org", address=f"2001:db8:{n:x}::1")

    assert Throttle.objects.count() <= 5 * 16


def test_a_bucket_whose_row_another_has_taken_begins_anew_and_shuts_nobody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throttle, "SLOTS", 1)
    tries(5)

    assert tries(1, email="dana@example.org", address="198.51.100.9") == [True]
    assert tries(5) == [True] * 5
    assert tries(1) == [False]


def test_tries_at_the_same_instant_count_one_by_one() -> None:
    """Whoever was let past the look sees by the count that others came first, and goes no wider."""
    request = RequestFactory(REMOTE_ADDR="192.0.2.1").post("/sign-in/")
    buckets = throttle._buckets(request, "sarah@example.org")
    pair = buckets[0]
    for _ in range(pair.limit.failures):
        throttle._count(pair, T0)

    wider = [Throttle.objects.filter(key=bucket.row).exists() for bucket in buckets[1:]]

    assert tries(1) == [False]
    assert wider == [False] * 3


def test_who_has_to_wait_is_told_how_long() -> None:
    tries(5)
    request = RequestFactory(REMOTE_ADDR="192.0.2.1").post("/sign-in/")

    left = [
        throttle.minutes_left(request, "sarah@example.org", now=T0 + timedelta(seconds=passed))
        for passed in (0, 61, 250, 300)
    ]

    assert left == [5, 4, 1, 0]
    assert [throttle.sentence(minutes) for minutes in (5, 1)] == [
        "Too many tries. Wait 5 minutes and try again.",
        "Too many tries. Wait 1 minute and try again.",
    ]
