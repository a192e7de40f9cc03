"""The door for Alertmanager: 202 after the commit, or a refusal that names the place; never a 5xx."""

import json
import random
import time
from collections.abc import Generator
from functools import cache, partial
from typing import Any

import pytest
from django.core.cache import caches
from django.http import HttpResponse
from django.test import Client

from desk import bad_tokens, hooks
from incidentdesk.kernel import clock
from oncall import quarantine
from oncall.models import Alert, Quarantine
from people import accounts
from people.models import ApiToken
from tests.alertmanager import RECORDED
from tests.factories import T0, minutes
from tests.oncall.makers import alert, body, make_source
from tests.people.factories import make_user
from tests.people.timing import widest_gap

pytestmark = pytest.mark.django_db
URL = "/hooks/alertmanager/"


@pytest.fixture(autouse=True)
def _nobody_was_slowed() -> Generator[None, None, None]:
    caches["redis"].clear()
    yield
    bad_tokens._redis_rests_until = 0.0


def post(token: str, raw: bytes, **extra: Any) -> HttpResponse:
    answer: Any = _door().post(
        URL, raw, content_type="application/json", headers={"Authorization": f"Bearer {token}"}, **extra
    )
    return answer


@cache
def _door() -> Client:
    """One client for all: making its handler costs more than a request."""
    return Client(raise_request_exception=False)


def live(*scopes: str) -> str:
    return make_source(clock.now(), *scopes)


@pytest.mark.ledger("ALR-01")
def test_what_a_real_alertmanager_sends_is_taken_in() -> None:
    token = live()

    fired = post(token, (RECORDED / "firing.json").read_bytes())
    ended = post(token, (RECORDED / "resolved.json").read_bytes())

    assert (fired.status_code, json.loads(fired.content)) == (202, {"alerts": 2, "new": 2, "quarantined": 0})
    assert (ended.status_code, json.loads(ended.content)) == (202, {"alerts": 2, "new": 0, "quarantined": 0})
    assert set(Alert.objects.values_list("state", flat=True)) == {"resolved"}


def test_the_use_of_a_token_is_noted() -> None:
    post(live(), body(alert(since=T0)))

    assert ApiToken.objects.get().last_used_at is not None


def test_unknown_revoked_expired_and_other_tokens_get_one_answer() -> None:
    now = clock.now()
    revoked = live()
    ApiToken.objects.update(revoked_at=now)
    wrong = [
        "idesk_000000_unknown",
        revoked,
        make_source(now, lasts_until=now + minutes(0.0001)),
        live("incidents:read"),
        "",
    ]

    answers = [post(token, body(alert(since=T0))) for token in wrong]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert (
        len({tuple(sorted((k, v) for k, v in a.items() if k != "Content-Security-Policy")) for a in answers})
        == 1
    )
    assert not Alert.objects.exists() and not Quarantine.objects.exists()


def test_the_time_of_a_refusal_tells_no_token_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_tokens, "too_many", lambda request: False)
    now = clock.now()
    dead = live()
    ApiToken.objects.update(revoked_at=now)
    raw = body(alert(since=T0))
    tokens = {
        "revoked": dead,
        "unknown": dead[:-4] + "0000",
        "expired": make_source(now, lasts_until=now + minutes(0.0001)),
    }
    ways = {name: partial(post, token, raw) for name, token in tokens.items()}

    assert widest_gap(ways, samples=150, rounds=8, within=0.10) < 0.10


def test_an_address_that_keeps_coming_with_bad_tokens_is_slowed_but_never_a_valid_source() -> None:
    token = live()
    raw = body(alert(since=T0))

    answers = [post("idesk_bad", raw) for _ in range(bad_tokens.LIMIT + 1)]

    assert [answer.status_code for answer in answers] == [401] * bad_tokens.LIMIT + [429]
    assert answers[-1]["Retry-After"] == "60"
    assert post(token, raw).status_code == 202


def test_without_redis_nobody_is_slowed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def add(self, *given: object) -> None:
            raise ConnectionError

    monkeypatch.setattr(bad_tokens, "caches", {"redis": Away()})

    answers = [post("idesk_bad", body(alert(since=T0))) for _ in range(bad_tokens.LIMIT + 5)]

    assert {answer.status_code for answer in answers} == {401}


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b'{"alerts": [' + b" " * 1_000_000 + b"]}", 413),
        (b"{" + b",".join(b'"f%d":1' % n for n in range(100_000)) + b"}", 413),
        (b"[" * 10_000, 400),
        (b"\x1f\x8b\x08\x00" + bytes(500), 400),
        (b'{"alerts": ["\\ud800"]}', 400),
        (b'{"alerts": [NaN]}', 400),
        (b"", 400),
    ],
)
def test_bodies_that_would_hurt_are_refused_quickly_and_kept_for_people(raw: bytes, status: int) -> None:
    token = live()
    post(token, body())

    begun = time.perf_counter()
    answer = post(token, raw)
    taken = time.perf_counter() - begun

    assert answer.status_code == status
    assert json.loads(answer.content)["position"]
    assert taken < 0.2
    kept = Quarantine.objects.get()
    assert (bytes(kept.body), quarantine.count(kept.source)) == (raw if status == 400 else b"", 1)


def test_a_body_without_a_length_is_read_to_its_end_and_no_further_than_the_cap() -> None:
    from io import BytesIO

    token = live()
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}

    taken = post(token, b"", **chunked, **{"wsgi.input": BytesIO(body(alert(since=T0)))})
    stream = BytesIO(b" " * 2_000_000)
    refused = post(token, b"", **chunked, **{"wsgi.input": stream})

    assert (taken.status_code, refused.status_code) == (202, 413)
    assert stream.tell() <= hooks.BODY_LIMIT + 1


def test_hostile_bodies_never_break_the_door() -> None:
    token, dice = live(), random.Random(28)
    good = (RECORDED / "firing.json").read_bytes()
    seen = set()

    for _ in range(300):
        raw = bytearray(good)
        for _ in range(dice.randint(1, 5)):
            raw[dice.randrange(len(raw))] = dice.randrange(256)
        seen.add(post(token, bytes(raw)).status_code)

    assert seen <= {202, 400}


def test_texts_that_postgresql_cannot_hold_are_refused_before_it() -> None:
    told = alert(since=T0)
    told["annotations"]["summary"] = "a\x00b"

    assert post(live(), body(told)).status_code == 400
    assert not Alert.objects.exists()


def test_an_unknown_status_is_set_aside_beside_its_neighbours() -> None:
    odd = {**alert("Odd", since=T0), "status": "simmering"}

    answer = post(live(), body(odd, alert(since=T0)))

    assert (answer.status_code, json.loads(answer.content)) == (
        202,
        {"alerts": 1, "new": 1, "quarantined": 1},
    )
    assert Quarantine.objects.get().position == "alerts[0].status"


def test_what_was_set_aside_is_forgotten_after_a_week() -> None:
    quarantine.keep("alertmanager.1", [("odd", "alerts[0]")], b"{}", now=T0)

    assert quarantine.prune(now=T0 + minutes(7 * 24 * 60)) == 0
    assert quarantine.prune(now=T0 + minutes(7 * 24 * 60 + 1)) == 1


def test_only_posts_are_taken() -> None:
    assert Client().get(URL).status_code == 405


@pytest.mark.parametrize("role", ["executive", "customer_support", "client_contact", "spectator"])
def test_a_token_of_somebody_who_lost_the_roles_for_it_opens_no_incident(role: str) -> None:
    """Asked again at each use, in the statement that stores; the answer is that to an unknown token."""
    user = make_user("Ada", roles=["admin"])
    token = make_source(clock.now(), user=user)
    assert post(token, body(alert("A", since=T0))).status_code == 202

    accounts.set_roles(user, [role])
    demoted = post(token, body(alert("B", since=T0)))
    unknown = post("idesk_no_such_token", body(alert("B", since=T0)))
    accounts.set_roles(user, ["engineer"])
    again = post(token, body(alert("C", since=T0)))

    assert (demoted.status_code, demoted.content) == (401, unknown.content)
    assert again.status_code == 202
    assert list(Alert.objects.order_by("name").values_list("name", flat=True)) == ["A", "C"]
